#include "agent/transfer/clone_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/base/json.h"
#include "agent/base/text_file.h"
#include "agent/transfer/stream_head.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;

std::string set_file(const std::string& set) {
  return set + "/.lastword/set.json";
}

std::string common_file(const std::string& set) {
  return set + "/.lastword/common.json";
}

// Held by whoever reads and replaces common.json; never for long, so that it is waited for.
Result<FileDescriptor> lock_common(const std::string& set) {
  if (Status status = make_directory(set + "/.lastword"); !status) return fail(status.error());
  const std::string path = set + "/.lastword/common.lock";
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  while (file.valid()) {
    if (::flock(file.get(), LOCK_EX) == 0) return file;
    if (errno != EINTR) break;
  }
  return fail({.code = Code::kIo, .sys_errno = errno, .operation = "lock", .disk = path});
}

std::string snapshot_file(const std::string& directory) {
  return directory + "/.snapshot.json";
}

std::string tables_file(const std::string& directory) {
  return directory + "/.hashes";
}

tl::unexpected<Error> corrupt_file(const std::string& path, std::string_view detail) {
  return fail({.code = Code::kCorrupt, .operation = "read", .disk = path, .detail = detail});
}

tl::unexpected<Error> directory_failed(const std::error_code& code, const std::string& path) {
  const bool missing = code == std::errc::no_such_file_or_directory;
  return fail({.code = missing ? Code::kNotFound : Code::kIo,
               .sys_errno = code.value(),
               .operation = "read directory",
               .disk = path});
}

// Paths may be longer than an Error has room for: the name of the volume is the better part.
tl::unexpected<Error> refused_snapshot(const std::string& directory, std::string_view volume,
                                       std::string_view why) {
  return fail({.code = Code::kRefused,
               .operation = "check snapshot",
               .disk = directory,
               .detail = format_text("{} {}; nothing was changed", volume, why)});
}

}  // namespace

std::string snapshots_of(const std::string& set) {
  return set + "/snapshots";
}

std::string directory_of(const std::string& set, std::string_view snapshot_uuid) {
  return snapshots_of(set) + "/" + std::string(snapshot_uuid);
}

Result<std::string> load_set_uuid(const std::string& set) {
  pb::CloneSet record;
  if (Status status = load_json(set_file(set), record); !status) return fail(status.error());
  if (!is_canonical_uuid(record.uuid()))
    return corrupt_file(set_file(set), "not the UUID of a set");
  return record.uuid();
}

Status keep_set_uuid(const std::string& set, const std::string& uuid) {
  const auto there = load_set_uuid(set);
  if (there || there.error().code != Code::kNotFound) {
    return there ? Status{} : fail(there.error());
  }
  if (Status status = make_directory(set + "/.lastword"); !status) return status;
  pb::CloneSet record;
  record.set_uuid(uuid);
  return save_json(set_file(set), record);
}

Result<std::vector<std::string>> find_volumes(const std::string& set) {
  std::vector<std::string> paths;
  std::error_code code;
  for (fs::directory_iterator entry(set, code), end; !code && entry != end; entry.increment(code)) {
    const std::string name = entry->path().filename();
    if (!entry->is_regular_file(code) || entry->is_symlink(code) || name.front() == '.') continue;
    if (Status status = check_clone_name(name); !status) {
      Error error = status.error();
      error.disk = entry->path().string();
      return fail(error);
    }
    paths.push_back(entry->path());
  }
  if (code) return directory_failed(code, set);
  std::ranges::sort(paths);
  return paths;
}

Result<pb::CloneSnapshot> load_snapshot(const std::string& directory) {
  pb::CloneSnapshot snapshot;
  const std::string path = snapshot_file(directory);
  if (Status status = load_json(path, snapshot); !status) return fail(status.error());
  bool good = is_canonical_uuid(snapshot.uuid()) && is_canonical_uuid(snapshot.set_uuid()) &&
              snapshot.volumes_size() > 0 &&
              snapshot.volumes_size() <= static_cast<int>(kMaxCloneVolumes);
  for (const pb::CloneVolume& volume : snapshot.volumes()) {
    good = good && is_canonical_uuid(volume.uuid()) &&
           check_clone_name(volume.name()).has_value() && volume.size() <= kMaxVolumeBytes;
  }
  if (!good) return corrupt_file(path, "not the record of a snapshot");
  return snapshot;
}

Status save_snapshot(const std::string& directory, const pb::CloneSnapshot& snapshot) {
  return save_json(snapshot_file(directory), snapshot);
}

Result<std::string> newest_snapshot(const std::string& set) {
  const std::string link = snapshots_of(set) + "/latest";
  std::error_code code;
  const std::string uuid = fs::read_symlink(link, code);
  if (code) {
    return fail({.code = Code::kNotFound,
                 .operation = "find snapshot",
                 .disk = set,
                 .detail = "the set has no snapshot; lastword clone snapshot takes one"});
  }
  if (!is_canonical_uuid(uuid)) return corrupt_file(link, "does not name a snapshot");
  return uuid;
}

Result<std::vector<std::string>> find_snapshots(const std::string& set) {
  std::vector<std::string> uuids;
  std::error_code code;
  const std::string path = snapshots_of(set);
  for (fs::directory_iterator entry(path, code), end; !code && entry != end;
       entry.increment(code)) {
    const std::string name = entry->path().filename();
    if (is_canonical_uuid(name)) uuids.push_back(name);
  }
  if (code && code != std::errc::no_such_file_or_directory) return directory_failed(code, path);
  std::ranges::sort(uuids);
  return uuids;
}

Result<std::vector<std::string>> common_snapshots(const std::string& set) {
  pb::CloneCommon record;
  const Status loaded = load_json(common_file(set), record);
  if (!loaded && loaded.error().code != Code::kNotFound) return fail(loaded.error());
  std::vector<std::string> uuids;
  for (const pb::CloneCommonPeer& one : record.peers()) uuids.push_back(one.uuid());
  return uuids;
}

Status note_common(const std::string& set, const std::string& peer, const std::string& uuid) {
  const auto lock = lock_common(set);
  if (!lock) return fail(lock.error());
  pb::CloneCommon record;
  const Status loaded = load_json(common_file(set), record);
  if (!loaded && loaded.error().code != Code::kNotFound) return loaded;
  pb::CloneCommonPeer* known = nullptr;
  for (pb::CloneCommonPeer& one : *record.mutable_peers()) {
    if (one.peer() == peer) known = &one;
  }
  if (known == nullptr) known = record.add_peers();
  if (known->uuid() == uuid) return {};
  known->set_peer(peer);
  known->set_uuid(uuid);
  return save_json(common_file(set), record);
}

Result<std::vector<RangeTable>> load_tables(const std::string& directory,
                                            const pb::CloneSnapshot& snapshot) {
  const std::string path = tables_file(directory);
  const auto bytes = read_text_file(path);
  if (!bytes) return fail(bytes.error());
  std::vector<RangeTable> tables;
  std::size_t at = 0;
  for (const pb::CloneVolume& volume : snapshot.volumes()) {
    RangeTable table(range_count(volume.size()));
    const std::size_t length = table.size() * sizeof(Hash128);
    if (length > bytes->size() - at) return corrupt_file(path, "is too short");
    std::memcpy(table.data(), bytes->data() + at, length);
    at += length;
    if (to_string(root_of(volume.size(), table)) != volume.root()) {
      return corrupt_file(path, "does not make the roots that the snapshot has");
    }
    tables.push_back(std::move(table));
  }
  if (at != bytes->size()) return corrupt_file(path, "is too long");
  return tables;
}

Status save_tables(const std::string& directory, std::span<const RangeTable> tables,
                   pb::CloneSnapshot& snapshot) {
  std::string bytes;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    pb::CloneVolume& volume = *snapshot.mutable_volumes(static_cast<int>(i));
    volume.set_root(to_string(root_of(volume.size(), tables[i])));
    bytes.append(reinterpret_cast<const char*>(tables[i].data()),
                 tables[i].size() * sizeof(Hash128));
  }
  if (Status status = replace_file(tables_file(directory), bytes); !status) return status;
  return save_snapshot(directory, snapshot);
}

FileStamp recorded_stamp(const pb::CloneVolume& volume) {
  return {.inode = volume.inode(),
          .size = volume.size(),
          .changed_ns = volume.changed_ns(),
          .written_ns = volume.written_ns()};
}

void record_stamp(pb::CloneVolume& volume, const FileStamp& stamp) {
  volume.set_inode(stamp.inode);
  volume.set_size(stamp.size);
  volume.set_changed_ns(stamp.changed_ns);
  volume.set_written_ns(stamp.written_ns);
}

Status seal_volumes(const std::string& directory, pb::CloneSnapshot& snapshot) {
  for (pb::CloneVolume& volume : *snapshot.mutable_volumes()) {
    const std::string path = directory + "/" + volume.name();
    const auto file = open_volume(path);
    if (!file) return fail(file.error());
    struct stat info {};
    const bool good = ::fstat(file->get(), &info) == 0 &&
                      ::fchmod(file->get(), info.st_mode & 0444) == 0 && ::fsync(file->get()) == 0;
    if (!good) {
      return fail(
          {.code = Code::kIo, .sys_errno = errno, .operation = "seal volume", .disk = path});
    }
    if (Status status = set_immutable(file->get(), path, true); !status) return status;
    const auto stamp = stamp_of(file->get(), path);
    if (!stamp) return fail(stamp.error());
    record_stamp(volume, *stamp);
  }
  return {};
}

Status check_unmodified(const std::string& directory, const pb::CloneSnapshot& snapshot) {
  for (const pb::CloneVolume& volume : snapshot.volumes()) {
    const std::string path = directory + "/" + volume.name();
    const auto file = open_volume(path);
    if (!file && file.error().code == Code::kNotFound) {
      return refused_snapshot(directory, volume.name(), "is gone from this snapshot");
    }
    if (!file) return fail(file.error());
    const auto stamp = stamp_of(file->get(), path);
    if (!stamp) return fail(stamp.error());
    if (*stamp != recorded_stamp(volume)) {
      return refused_snapshot(directory, volume.name(),
                              "was modified since the snapshot, or is another file");
    }
  }
  return {};
}

Status check_unused(const std::string& directory, const pb::CloneSnapshot& snapshot) {
  for (const pb::CloneVolume& volume : snapshot.volumes()) {
    const std::string use = use_of(directory + "/" + volume.name());
    if (!use.empty()) return refused_snapshot(directory, volume.name(), use);
  }
  return {};
}

}  // namespace lastword
