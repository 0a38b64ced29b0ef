#include "agent/transfer/list_run.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>

#include "agent/transfer/clone_store.h"
#include "agent/transfer/list_plan.h"
#include "agent/transfer/xfs_files.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;

struct Found {
  pb::CloneListed listed;
  ListedVolume mapped;
};

Result<std::int64_t> birth_of(const std::string& path, std::uint64_t& size) {
  struct statx info {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_SIZE, &info) != 0) {
    return fail({.code = Code::kIo, .sys_errno = errno, .operation = "statx", .disk = path});
  }
  size = info.stx_size;
  return std::int64_t{info.stx_btime.tv_sec} * 1'000'000'000 + info.stx_btime.tv_nsec;
}

Status add_volume(std::vector<Found>& all, const std::string& path, pb::CloneListed listed) {
  XfsBlockMap blocks;
  Found found;
  std::uint64_t size = 0;
  const auto born = birth_of(path, size);
  if (!born) return fail(born.error());
  auto mappings = blocks.map(path);
  if (!mappings) return fail(mappings.error());
  found.mapped = {.born_ns = *born, .mappings = std::move(*mappings)};
  found.listed = std::move(listed);
  found.listed.set_path(path);
  found.listed.set_size(size);
  all.push_back(std::move(found));
  return {};
}

Status add_set(std::vector<Found>& all, const std::string& set) {
  const auto volumes = find_volumes(set);
  if (!volumes) return fail(volumes.error());
  pb::CloneListed listed;
  listed.set_kind("volume");
  for (const std::string& path : *volumes) {
    if (Status status = add_volume(all, path, listed); !status) return status;
  }
  const auto snapshots = find_snapshots(set);
  if (!snapshots) return fail(snapshots.error());
  for (const std::string& uuid : *snapshots) {
    const std::string directory = directory_of(set, uuid);
    const auto snapshot = load_snapshot(directory);
    if (!snapshot) return fail(snapshot.error());
    listed.set_kind("snapshot");
    listed.set_snapshot_uuid(uuid);
    for (const pb::CloneVolume& volume : snapshot->volumes()) {
      listed.set_uuid(volume.uuid());
      if (Status status = add_volume(all, directory + "/" + volume.name(), listed); !status) {
        return status;
      }
    }
  }
  return {};
}

Result<std::vector<std::string>> sets_of(const std::string& directory) {
  std::vector<std::string> sets{directory};
  std::error_code code;
  for (fs::directory_iterator entry(directory, code), end; !code && entry != end;
       entry.increment(code)) {
    const std::string name = entry->path().filename();
    const bool folder = entry->is_directory(code) && !entry->is_symlink(code);
    if (folder && name.front() != '.' && name != "snapshots") sets.push_back(entry->path());
  }
  std::ranges::sort(sets);
  if (!code) return sets;
  return fail({.code = Code::kIo,
               .sys_errno = code.value(),
               .operation = "read directory",
               .disk = directory});
}

}  // namespace

pb::CloneList arrange_list(std::vector<pb::CloneListed> volumes,
                           std::span<const ListedVolume> maps) {
  const Sharing sharing = plan_list(maps);
  pb::CloneList list;
  list.set_distinct_bytes(sharing.distinct_bytes);
  std::uint64_t mapped = 0;
  std::vector<std::vector<std::size_t>> children(volumes.size());
  std::vector<std::size_t> roots;
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    const SharingOf& one = sharing.volumes[i];
    pb::CloneListed& listed = volumes[i];
    listed.set_mapped(one.mapped);
    listed.set_own(one.own);
    mapped += one.mapped;
    for (const auto& [other, bytes] : one.shared) {
      pb::CloneShare& share = *listed.add_shared();
      share.set_with(volumes[other].path());
      share.set_bytes(bytes);
    }
    if (one.parent == i) {
      roots.push_back(i);
    } else {
      listed.set_parent(volumes[one.parent].path());
      children[one.parent].push_back(i);
    }
  }
  list.set_mapped_bytes(mapped);
  const std::function<void(std::size_t)> put = [&](std::size_t index) {
    *list.add_volumes() = volumes[index];
    for (const std::size_t child : children[index]) put(child);
  };
  for (const std::size_t root : roots) put(root);
  return list;
}

Result<pb::CloneList> list_clones(const std::string& directory) {
  const auto pool = examine_pool(directory);
  if (!pool) return fail(pool.error());
  const auto sets = sets_of(directory);
  if (!sets) return fail(sets.error());
  std::vector<Found> found;
  for (const std::string& set : *sets) {
    if (Status status = add_set(found, set); !status) return fail(status.error());
  }
  std::vector<pb::CloneListed> listed;
  std::vector<ListedVolume> maps;
  for (Found& one : found) {
    listed.push_back(std::move(one.listed));
    maps.push_back(std::move(one.mapped));
  }
  pb::CloneList list = arrange_list(std::move(listed), maps);
  list.set_pool_used_bytes(pool->used_bytes);
  list.set_pool_free_bytes(pool->free_bytes);
  return list;
}

}  // namespace lastword
