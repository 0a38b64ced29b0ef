#include "agent/transfer/publication.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "agent/base/file_system.h"
#include "agent/base/json.h"
#include "agent/base/text_file.h"
#include "agent/transfer/clone_store.h"
#include "agent/transfer/staged_progress.h"
#include "agent/transfer/stream_head.h"
#include "agent/transfer/xfs_files.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIncoming = "incoming-";

std::string hidden(const std::string& root) {
  return root + "/.lastword";
}

std::string incoming(const std::string& root, const std::string& uuid) {
  return hidden(root) + "/" + std::string(kIncoming) + uuid;
}

std::string record_file(const std::string& root) {
  return hidden(root) + "/publish.json";
}

tl::unexpected<Error> publishing_failed(std::string_view operation, const std::string& path) {
  return fail({.code = errno == ENOSPC ? Code::kNoSpace : Code::kIo,
               .sys_errno = errno,
               .operation = operation,
               .disk = path});
}

// Whoever may read a volume may come to it.
Status make_open_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
  return publishing_failed("make directory", path);
}

Status move_into_set(const std::string& root, const pb::ClonePublication& record,
                     const std::string& set) {
  const std::string from = incoming(root, record.snapshot_uuid());
  const std::string to = directory_of(set, record.snapshot_uuid());
  if (::access(to.c_str(), F_OK) == 0) return {};  // done before the interruption
  if (Status status = remove_progress(from); !status) return status;
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  if (errno != ENOENT) return publishing_failed("publish", to);
  return fail({.code = Code::kCorrupt,
               .operation = "publish",
               .disk = to,
               .detail = "what was to be published is gone; remove .lastword/publish.json"});
}

Status point_latest(const std::string& set, const std::string& uuid) {
  const std::string link = snapshots_of(set) + "/latest";
  const std::string temporary = snapshots_of(set) + "/.latest.new";
  (void)::unlink(temporary.c_str());
  if (::symlink(uuid.c_str(), temporary.c_str()) != 0)
    return publishing_failed("symlink", temporary);
  return real_file_system().rename(temporary, link);
}

Status finish(const std::string& root, const pb::ClonePublication& record) {
  const std::string set = record.set() == "." ? root : root + "/" + record.set();
  if (Status status = make_open_directory(set); !status) return status;
  if (Status status = keep_set_uuid(set, record.set_uuid()); !status) return status;
  if (Status status = make_open_directory(snapshots_of(set)); !status) return status;
  if (Status status = move_into_set(root, record, set); !status) return status;
  const bool has_latest = newest_snapshot(set).has_value();
  if (!record.restored() || !has_latest) {
    if (Status status = point_latest(set, record.snapshot_uuid()); !status) return status;
  }
  FileSystem& files = real_file_system();
  for (const std::string& path : {snapshots_of(set), set, root, hidden(root)}) {
    if (Status status = files.sync_directory(path); !status) return status;
  }
  if (::unlink(record_file(root).c_str()) != 0 && errno != ENOENT) {
    return publishing_failed("remove", record_file(root));
  }
  return files.sync_directory(hidden(root));
}

Result<FileDescriptor> lock_root(const std::string& root) {
  if (Status status = make_directory(hidden(root)); !status) return fail(status.error());
  const std::string path = hidden(root) + "/lock";
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return publishing_failed("open lock", path);
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    return fail(
        {.code = Code::kRefused,
         .sys_errno = errno,
         .operation = "lock",
         .disk = path,
         .detail = "another lastword clone takes or receives a snapshot here; wait for it"});
  }
  return file;
}

// The caller holds the lock.
std::vector<std::string> staged_directories(const std::string& root) {
  std::error_code code;
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(hidden(root), code)) {
    if (entry.path().filename().string().starts_with(kIncoming)) found.push_back(entry.path());
  }
  return found;
}

// Those that `stays` is true of stay. The caller holds the lock.
template <class Stays>
Result<bool> sweep(const std::string& root, const Stays& stays) {
  bool any = false;
  for (const std::string& path : staged_directories(root)) {
    if (stays(path)) continue;
    if (Status status = remove_directory(path); !status) return fail(status.error());
    any = true;
  }
  return any;
}

bool is_of_another_set(const std::string& directory, const std::string& set_uuid) {
  const auto progress = load_progress(directory);
  return progress && progress->head().snapshot().set_uuid() != set_uuid;
}

}  // namespace

Status roll_forward(const std::string& root) {
  pb::ClonePublication record;
  const Status loaded = load_json(record_file(root), record);
  if (!loaded && loaded.error().code == Code::kNotFound) return {};
  if (!loaded) return loaded;
  const bool good_set = record.set() == "." || check_clone_name(record.set());
  if (!good_set || !is_canonical_uuid(record.snapshot_uuid()) ||
      !is_canonical_uuid(record.set_uuid())) {
    return fail({.code = Code::kCorrupt,
                 .operation = "read",
                 .disk = record_file(root),
                 .detail = "not what lastword writes"});
  }
  return finish(root, record);
}

Result<StagingArea> StagingArea::open(const std::string& root, const pb::CloneSnapshot& snapshot,
                                      Staged staged) {
  auto lock = lock_root(root);
  if (!lock) return fail(lock.error());
  if (Status status = roll_forward(root); !status) return fail(status.error());
  const std::string directory = incoming(root, snapshot.uuid());
  const auto stays = [&](const std::string& path) {
    return (staged == Staged::kKept && path == directory) ||
           is_of_another_set(path, snapshot.set_uuid());
  };
  if (const auto swept = sweep(root, stays); !swept) return fail(swept.error());
  if (staged == Staged::kNew) {
    if (Status status = make_open_directory(directory); !status) return fail(status.error());
    if (Status status = real_file_system().sync_directory(hidden(root)); !status) {
      return fail(status.error());
    }
  } else if (::access(directory.c_str(), F_OK) != 0) {
    return fail({.code = Code::kRefused,
                 .operation = "resume",
                 .disk = root,
                 .detail = "nothing of this snapshot was kept here; send it from its beginning"});
  }
  StagingArea area;
  area.root_ = root;
  area.uuid_ = snapshot.uuid();
  area.directory_ = directory;
  area.kept_ = staged == Staged::kKept;
  area.lock_ = std::move(*lock);
  return area;
}

StagingArea::StagingArea(StagingArea&& other) noexcept
    : root_(std::move(other.root_)),
      uuid_(std::move(other.uuid_)),
      directory_(std::exchange(other.directory_, {})),
      kept_(other.kept_),
      lock_(std::move(other.lock_)) {}

StagingArea::~StagingArea() {
  if (!directory_.empty() && !kept_) (void)remove_directory(directory_);
}

Status StagingArea::publish(const std::string& set, const std::string& set_uuid, bool restored) {
  FileSystem& files = real_file_system();
  if (Status status = files.sync_directory(directory_); !status) return status;
  if (Status status = files.sync_directory(hidden(root_)); !status) return status;
  pb::ClonePublication record;
  record.set_snapshot_uuid(uuid_);
  record.set_set_uuid(set_uuid);
  record.set_set(set);
  record.set_restored(restored);
  const Status saved = save_json(record_file(root_), record);
  // Where only the last step failed the record is there, and counts.
  if (!saved && ::access(record_file(root_).c_str(), F_OK) != 0) return saved;
  directory_.clear();
  const Status finished = roll_forward(root_);
  if (finished) return {};
  Error error = finished.error();
  const std::string found(error.detail.view());
  error.detail = format_text(
                     "the snapshot is complete, and the next lastword clone here publishes "
                     "it: lastword clone abort {}{}{}",
                     root_, found.empty() ? "" : "; ", found)
                     .view();
  return fail(error);
}

Result<std::vector<pb::CloneStaged>> find_staged(const std::string& root) {
  std::vector<pb::CloneStaged> found;
  if (::access(hidden(root).c_str(), F_OK) != 0) return found;
  const auto lock = lock_root(root);
  if (!lock) return fail(lock.error());
  if (Status status = roll_forward(root); !status) return fail(status.error());
  for (const std::string& path : staged_directories(root)) {
    const auto progress = load_progress(path);
    if (!progress) continue;
    pb::CloneStaged& staged = found.emplace_back();
    staged.set_snapshot_uuid(progress->head().snapshot().uuid());
    staged.set_set_name(progress->head().snapshot().set_name());
    staged.set_base_uuid(progress->head().base_uuid());
    *staged.mutable_reached() = progress->reached();
  }
  return found;
}

Result<bool> remove_staged(const std::string& root) {
  const auto lock = lock_root(root);
  if (!lock) return fail(lock.error());
  if (Status status = roll_forward(root); !status) return fail(status.error());
  return sweep(root, [](const std::string&) { return false; });
}

Status unpublish(const std::string& set, const std::vector<std::string>& uuids) {
  const auto lock = lock_root(set);
  if (!lock) return fail(lock.error());
  if (Status status = roll_forward(set); !status) return status;
  FileSystem& files = real_file_system();
  for (const std::string& uuid : uuids) {
    // As something staged that nobody finishes, it is out of sight at once.
    const std::string hidden_place = incoming(set, uuid);
    if (Status status = files.rename(directory_of(set, uuid), hidden_place); !status) return status;
    if (Status status = files.sync_directory(snapshots_of(set)); !status) return status;
    if (Status status = remove_directory(hidden_place); !status) return status;
  }
  return {};
}

}  // namespace lastword
