#include "agent/transfer/xfs_staging.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "agent/transfer/clone_store.h"
#include "agent/transfer/xfs_files.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

// Of a pool this share stays free: metadata, and the writes of its other users.
constexpr std::uint64_t kReserveShare = 50;
constexpr std::uint64_t kLookEvery = 64 << 20;

Error refused(const std::string& path, std::string_view detail) {
  return {.code = Code::kRefused, .operation = "receive clones", .disk = path, .detail = detail};
}

Status check_space(const std::string& pool, std::uint64_t wanted) {
  const auto now = examine_pool(pool);
  if (!now) return fail(now.error());
  const std::uint64_t reserve = now->all_bytes / kReserveShare;
  if (now->free_bytes > reserve && now->free_bytes - reserve >= wanted) return {};
  return fail({.code = Code::kNoSpace,
               .operation = "receive clones",
               .disk = pool,
               .detail = format_text("{} bytes are needed and {} to stay free, {} are free; "
                                     "nothing was changed",
                                     wanted, reserve, now->free_bytes)
                             .view()});
}

}  // namespace

// A set of that name must be this set, and must not have this snapshot.
Status XfsStaging::check_set(const pb::CloneStreamHead& head, std::uint64_t device) const {
  struct stat info {};
  const bool there = ::lstat(set_.c_str(), &info) == 0;
  if (!there && errno != ENOENT) {
    return fail({.code = Code::kIo, .sys_errno = errno, .operation = "lstat", .disk = set_});
  }
  if (there && !S_ISDIR(info.st_mode)) return fail(refused(set_, "is no directory"));
  if (there && info.st_dev != device) {
    return fail(refused(set_, "is on another file system than its pool"));
  }
  const auto uuid = load_set_uuid(set_);
  if (!uuid && uuid.error().code != Code::kNotFound) return fail(uuid.error());
  std::error_code ignored;
  if (!uuid && there && !std::filesystem::is_empty(set_, ignored)) {
    return fail(refused(set_,
                        "there is a directory of that name, and it is no set of clones; "
                        "nothing was changed"));
  }
  if (uuid && *uuid != head.snapshot().set_uuid()) {
    return fail(refused(set_, "there is another set of that name; nothing was changed"));
  }
  const std::string directory = directory_of(set_, head.snapshot().uuid());
  if (::access(directory.c_str(), F_OK) == 0) {
    return fail(refused(directory, "this snapshot is here already; nothing was changed"));
  }
  return {};
}

Result<Staging::Base> XfsStaging::open_base(const pb::CloneStreamHead& head) {
  if (head.base_uuid().empty()) return Base{};
  base_directory_ = directory_of(set_, head.base_uuid());
  auto snapshot = load_snapshot(base_directory_);
  if (!snapshot && snapshot.error().code == Code::kNotFound) {
    return fail(refused(base_directory_,
                        "the base of this increment is not here; send from another snapshot, or "
                        "all of it; nothing was changed"));
  }
  if (!snapshot) return fail(snapshot.error());
  base_snapshot_ = std::move(*snapshot);
  bool same = base_snapshot_.volumes_size() == head.base_volumes_size();
  for (int i = 0; same && i < head.base_volumes_size(); ++i) {
    const pb::CloneVolume& here = base_snapshot_.volumes(i);
    const pb::CloneBaseVolume& there = head.base_volumes(i);
    same =
        here.uuid() == there.uuid() && here.size() == there.size() && here.root() == there.root();
  }
  if (!same) {
    return fail(refused(base_directory_,
                        "differs from the sender's snapshot of that UUID; nothing was changed"));
  }
  if (Status status = check_unmodified(base_directory_, base_snapshot_); !status) {
    return fail(status.error());
  }
  if (Status status = check_unused(base_directory_, base_snapshot_); !status) {
    return fail(status.error());
  }
  auto tables = load_tables(base_directory_, base_snapshot_);
  if (!tables) return fail(tables.error());
  for (const pb::CloneVolume& volume : base_snapshot_.volumes()) {
    Volume opened{.path = base_directory_ + "/" + volume.name(), .file = {}};
    auto file = open_volume(opened.path);
    if (!file) return fail(file.error());
    opened.file = std::move(*file);
    base_.push_back(std::move(opened));
  }
  return Base{.tables = std::move(*tables)};
}

Status XfsStaging::create_volumes() {
  for (const pb::CloneVolume& volume : snapshot_.volumes()) {
    Volume staged{.path = area_->directory() + "/" + volume.name(), .file = {}};
    auto file = create_volume(staged.path);
    if (!file) return fail(file.error());
    if (::ftruncate(file->get(), static_cast<off_t>(volume.size())) != 0) {
      return fail({.code = Code::kIo,
                   .sys_errno = errno,
                   .operation = "set size of volume",
                   .disk = staged.path,
                   .offset = volume.size()});
    }
    staged.file = std::move(*file);
    volumes_.push_back(std::move(staged));
  }
  return {};
}

Result<Staging::Base> XfsStaging::begin(const pb::CloneStreamHead& head) {
  const auto pool = examine_pool(pool_);
  if (!pool) return fail(pool.error());
  if (head.block_bytes() % pool->block_bytes != 0) {
    return fail(refused(pool_, format_text("its blocks have {} bytes, the sender's {}: they would "
                                           "not share the same; nothing was changed",
                                           pool->block_bytes, head.block_bytes())
                                   .view()));
  }
  snapshot_ = head.snapshot();
  set_ = pool_ + "/" + snapshot_.set_name();
  auto area = StagingArea::open(pool_, snapshot_.uuid());
  if (!area) return fail(area.error());
  area_.emplace(std::move(*area));
  if (Status status = check_set(head, pool->device); !status) return fail(status.error());
  auto base = open_base(head);
  if (!base) return base;
  if (Status status = check_space(pool_, head.data_bytes()); !status) return fail(status.error());
  if (Status status = create_volumes(); !status) return fail(status.error());
  return base;
}

Status XfsStaging::keep_reserve(std::uint64_t bytes) {
  since_look_ += bytes;
  if (since_look_ < kLookEvery) return {};
  since_look_ = 0;
  return check_space(pool_, 0);
}

Status XfsStaging::write(std::uint32_t volume, std::uint64_t offset,
                         std::span<const std::byte> data) {
  const Volume& to = volumes_[volume];
  if (Status status = write_volume(to.file.get(), to.path, offset, data); !status) return status;
  return keep_reserve(data.size());
}

Status XfsStaging::share(std::uint32_t volume, std::uint64_t offset, std::uint64_t length,
                         bool from_base, std::uint32_t source, std::uint64_t source_offset) {
  const Volume& from = (from_base ? base_ : volumes_)[source];
  const Volume& to = volumes_[volume];
  if (Status status =
          clone_range(from.file.get(), source_offset, length, to.file.get(), offset, to.path);
      !status) {
    return status;
  }
  // The extents that it takes to say so need room too.
  return keep_reserve(kBlockBytes + length / 64);
}

Status XfsStaging::sync() {
  for (const Volume& volume : volumes_) {
    if (::fsync(volume.file.get()) != 0) {
      return fail(
          {.code = Code::kIo, .sys_errno = errno, .operation = "fsync", .disk = volume.path});
    }
    // Clean pages only, and these are all clean now: the next read asks the disk.
    (void)::posix_fadvise(volume.file.get(), 0, 0, POSIX_FADV_DONTNEED);
  }
  return {};
}

Status XfsStaging::read(std::uint32_t volume, std::uint64_t offset, std::span<std::byte> buffer) {
  const Volume& from = volumes_[volume];
  return read_volume(from.file.get(), from.path, offset, buffer);
}

Status XfsStaging::publish(std::span<const RangeTable> tables) {
  // What was shared from the base while it changed would be neither.
  if (!base_directory_.empty()) {
    if (Status status = check_unmodified(base_directory_, base_snapshot_); !status) return status;
  }
  volumes_.clear();
  if (Status status = seal_volumes(area_->directory(), snapshot_); !status) return status;
  if (Status status = save_tables(area_->directory(), tables, snapshot_); !status) return status;
  return area_->publish(snapshot_.set_name(), snapshot_.set_uuid());
}

}  // namespace lastword
