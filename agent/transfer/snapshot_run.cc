#include "agent/transfer/snapshot_run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "agent/base/utc.h"
#include "agent/transfer/clone_store.h"
#include "agent/transfer/publication.h"
#include "agent/transfer/stream_head.h"
#include "agent/transfer/xfs_files.h"
#include "proto/uuid.h"

namespace lastword {
namespace {

constexpr int kAttempts = 5;
// Longer than the grain of a file's times, which is a tick of the kernel's clock (1 to 10 ms): a
// write after so long a pause shows a later time than what was read before it.
constexpr milliseconds kGrain{25};

struct Source {
  std::string path;
  std::string name;
  FileDescriptor file;
  FileStamp before;
  bool held = false;
};

// A read lease is given only where nobody has the file open for writing, and makes whoever opens
// it for that wait (fcntl(2), Leases). It goes with the descriptor.
class Leases {
 public:
  explicit Leases(std::vector<Source>& sources) : sources_(sources) {
    for (Source& source : sources_) {
      source.held = ::fcntl(source.file.get(), F_SETLEASE, F_RDLCK) == 0;
    }
  }
  ~Leases() {
    for (Source& source : sources_) (void)::fcntl(source.file.get(), F_SETLEASE, F_UNLCK);
    // Whoever waits is announced by this signal, which by default ends the program.
    (void)std::signal(SIGIO, before_);
  }
  Leases(const Leases&) = delete;
  Leases& operator=(const Leases&) = delete;

 private:
  void (*const before_)(int) = std::signal(SIGIO, SIG_IGN);
  std::vector<Source>& sources_;
};

Result<std::vector<Source>> open_sources(const std::string& set) {
  const auto paths = find_volumes(set);
  if (!paths) return fail(paths.error());
  std::vector<Source> sources;
  for (const std::string& path : *paths) {
    auto file = open_volume(path);
    if (!file) return fail(file.error());
    sources.push_back({.path = path,
                       .name = std::filesystem::path(path).filename(),
                       .file = std::move(*file),
                       .before = {}});
  }
  const bool none = sources.empty();
  if (!none && sources.size() <= kMaxCloneVolumes) return sources;
  return fail({.code = Code::kRefused,
               .operation = "take snapshot",
               .disk = set,
               .detail = none ? "there are no volumes: regular files whose names do not begin "
                                "with '.'"
                              : "more than 1024 volumes"});
}

Status stamp_all(std::vector<Source>& sources) {
  for (Source& source : sources) {
    const auto now = stamp_of(source.file.get(), source.path);
    if (!now) return fail(now.error());
    source.before = *now;
  }
  return {};
}

// As `source` is right now; its owner may read the copy.
Status copy_volume(const Source& source, const std::string& directory) {
  const std::string path = directory + "/" + source.name;
  const auto file = create_volume(path);
  if (!file) return fail(file.error());
  struct stat info {};
  const bool owned = ::fstat(source.file.get(), &info) == 0 &&
                     ::fchown(file->get(), info.st_uid, info.st_gid) == 0 &&
                     ::fchmod(file->get(), info.st_mode & 0664) == 0;
  if (!owned) {
    return fail({.code = Code::kIo, .sys_errno = errno, .operation = "set owner", .disk = path});
  }
  return clone_file(source.file.get(), file->get(), path);
}

Result<bool> copy_all(std::vector<Source>& sources, const std::string& directory,
                      Executor& executor) {
  const Leases leases(sources);
  if (Status status = stamp_all(sources); !status) return fail(status.error());
  executor.sleep(kGrain);
  for (const Source& source : sources) {
    if (Status status = copy_volume(source, directory); !status) return fail(status.error());
  }
  std::vector<Quiet> quiet;
  for (const Source& source : sources) {
    const auto after = stamp_of(source.file.get(), source.path);
    if (!after) return fail(after.error());
    quiet.push_back({.held = source.held, .changed = *after != source.before});
  }
  return is_one_point(quiet);
}

}  // namespace

bool is_one_point(const std::vector<Quiet>& volumes) {
  const auto written = [](const Quiet& one) { return !one.held && one.changed; };
  return volumes.size() == 1 || std::ranges::none_of(volumes, written);
}

Result<pb::CloneSnapshot> take_snapshot(const std::string& set, Executor& executor) {
  const std::string whole = std::filesystem::absolute(set).lexically_normal().string();
  const std::string root = whole.ends_with('/') ? whole.substr(0, whole.size() - 1) : whole;
  if (const auto pool = examine_pool(root); !pool) return fail(pool.error());
  const std::string name = std::filesystem::path(root).filename();
  if (Status status = check_clone_name(name); !status) return fail(status.error());
  auto sources = open_sources(root);
  if (!sources) return fail(sources.error());

  pb::CloneSnapshot snapshot;
  snapshot.set_uuid(to_string(random_uuid()));
  snapshot.set_set_name(name);
  const auto known = load_set_uuid(root);
  if (!known && known.error().code != Code::kNotFound) return fail(known.error());
  snapshot.set_set_uuid(known ? *known : to_string(random_uuid()));
  auto area = StagingArea::open(root, snapshot);
  if (!area) return fail(area.error());
  for (int attempt = 0; attempt < kAttempts && !snapshot.at_one_point(); ++attempt) {
    if (attempt != 0) {
      for (const Source& source : *sources) {
        (void)::unlink((area->directory() + "/" + source.name).c_str());
      }
    }
    snapshot.set_taken_utc(utc_time_with_ms(executor.unix_ms()));
    const auto one_point = copy_all(*sources, area->directory(), executor);
    if (!one_point) return fail(one_point.error());
    snapshot.set_at_one_point(*one_point);
  }
  std::uint64_t all = 0;
  for (const Source& source : *sources) {
    pb::CloneVolume& volume = *snapshot.add_volumes();
    volume.set_uuid(to_string(random_uuid()));
    volume.set_name(source.name);
    const auto file = open_volume(area->directory() + "/" + source.name);
    if (!file) return fail(file.error());
    const auto now = stamp_of(file->get(), source.name);
    if (!now) return fail(now.error());
    volume.set_size(now->size);
    all += now->size;
    if (now->size <= kMaxVolumeBytes && all <= kMaxSetBytes) continue;
    return fail({.code = Code::kRefused,
                 .operation = "take snapshot",
                 .disk = source.path,
                 .detail = "a volume of more than 16 TiB, or a set of more than 64 TiB"});
  }
  if (Status status = seal_volumes(area->directory(), snapshot); !status) {
    return fail(status.error());
  }
  if (Status status = save_snapshot(area->directory(), snapshot); !status) {
    return fail(status.error());
  }
  if (Status status = area->publish(".", snapshot.set_uuid()); !status) {
    return fail(status.error());
  }
  return snapshot;
}

}  // namespace lastword
