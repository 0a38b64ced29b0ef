#include "agent/transfer/xfs_staging.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <numeric>

#include "agent/transfer/clone_position.h"
#include "agent/transfer/clone_store.h"
#include "agent/transfer/stream_head.h"
#include "agent/transfer/xfs_files.h"
#include "proto/format_text.h"
#include "storage/block/aligned_buffer.h"

namespace lastword {
namespace {

// Of a pool this share stays free: metadata, and the writes of its other users.
constexpr std::uint64_t kReserveShare = 50;
constexpr std::uint64_t kLookEvery = 64 << 20;

Error refused(const std::string& path, std::string_view detail) {
  return {.code = Code::kRefused, .operation = "receive clones", .disk = path, .detail = detail};
}

constexpr std::string_view kChangedWhileKept =
    "was kept, and has been changed since; it is removed, send from the beginning";

// What an error says has become of it.
constexpr std::string_view kBeforeItBegan = "nothing was changed";
constexpr std::string_view kMeanwhile = "the transfer ends here, and nothing was published";

Status check_space(const std::string& pool, std::uint64_t wanted, std::string_view outcome) {
  const auto now = examine_pool(pool);
  if (!now) return fail(now.error());
  const std::uint64_t reserve = now->all_bytes / kReserveShare;
  if (now->free_bytes > reserve && now->free_bytes - reserve >= wanted) return {};
  return fail({.code = Code::kNoSpace,
               .operation = "receive clones",
               .disk = pool,
               .detail = format_text("{} bytes are needed and {} to stay free, {} are free; {}",
                                     wanted, reserve, now->free_bytes, outcome)
                             .view()});
}

// But for what a staging area in it needs.
bool holds_anything(const std::string& directory) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    if (entry.path().filename() != ".lastword") return true;
  }
  return false;
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
  if (!uuid && there && holds_anything(set_)) {
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

Result<std::vector<RangeTable>> XfsStaging::open_base(const pb::CloneStreamHead& head) {
  if (head.base_uuid().empty()) return std::vector<RangeTable>{};
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
  if (!tables) return tables;
  for (const pb::CloneVolume& volume : base_snapshot_.volumes()) {
    Volume opened{.path = base_directory_ + "/" + volume.name(), .file = {}};
    auto file = open_volume(opened.path);
    if (!file) return fail(file.error());
    opened.file = std::move(*file);
    base_.push_back(std::move(opened));
  }
  return tables;
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

// What is there of it up to where the transfer came. A file that is, by its times, what it was then
// is believed; of another one the content decides.
Result<XfsStaging::Volume> XfsStaging::resume_volume(const pb::CloneProgress& record,
                                                     std::uint32_t index,
                                                     std::span<const RangeTable> tables) const {
  const pb::CloneVolume& volume = snapshot_.volumes(static_cast<int>(index));
  Volume staged{.path = area_->directory() + "/" + volume.name(), .file = {}};
  const ClonePosition reached = position_of(record.reached());
  const bool whole = index < reached.volume;
  const std::uint64_t kept = whole ? volume.size() : index == reached.volume ? reached.offset : 0;
  auto file = open_volume(staged.path);
  if (!file) return fail(refused(staged.path, "was kept, and cannot be opened"));
  const auto stamp = stamp_of(file->get(), staged.path);
  if (!stamp) return fail(stamp.error());
  const bool same = static_cast<int>(index) < record.volumes_size() &&
                    *stamp == recorded_stamp(record.volumes(static_cast<int>(index)));
  if (stamp->size != volume.size()) return fail(refused(staged.path, kChangedWhileKept));
  AlignedBuffer buffer(kRangeBytes);
  for (std::uint64_t at = 0; !same && at < kept; at += kRangeBytes) {
    const auto content = buffer.span().first(std::min(kRangeBytes, kept - at));
    if (Status status = read_volume(file->get(), staged.path, at, content); !status) {
      return fail(status.error());
    }
    if (hash_of_range(content) != tables[index][at / kRangeBytes]) {
      return fail(refused(staged.path, kChangedWhileKept));
    }
  }
  if (!whole) {
    file = reopen_volume(staged.path);
    if (!file) return fail(file.error());
    if (Status status = clear_behind(file->get(), staged.path, kept, volume.size()); !status) {
      return fail(status.error());
    }
  } else if (Status status = set_immutable(file->get(), staged.path, false); !status) {
    return fail(status.error());  // it was sealed when the publication was interrupted
  }
  staged.file = std::move(*file);
  return staged;
}

Result<std::vector<RangeTable>> XfsStaging::resume_volumes(const pb::CloneStreamHead& head) {
  const auto changed = [&](std::string_view why) {
    area_->drop();
    return fail(refused(area_->directory(), why));
  };
  const auto record = load_progress(area_->directory());
  if (!record) return changed("was kept without how far it has come; it is removed");
  if (!same_stream(record->head(), head)) return changed("is of another stream; it is removed");
  if (position_of(record->reached()) != position_of(head.start())) {
    return fail(refused(area_->directory(), "the stream begins elsewhere than this ends"));
  }
  auto tables = load_progress_tables(area_->directory(), *record);
  if (!tables) return changed("its hashes were changed; it is removed");
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(snapshot_.volumes_size()); ++i) {
    auto volume = resume_volume(*record, i, *tables);
    if (!volume) {
      if (volume.error().code == Code::kRefused) area_->drop();
      return fail(volume.error());
    }
    volumes_.push_back(std::move(*volume));
  }
  progress_->resume(position_of(head.start()), record->hashes_crc32c());
  noted_ = true;
  return tables;
}

Result<Staging::Begun> XfsStaging::begin(const pb::CloneStreamHead& head) {
  const auto pool = examine_pool(pool_);
  if (!pool) return fail(pool.error());
  if (share_bytes_of(head) % pool->block_bytes != 0) {
    return fail(refused(pool_, format_text("its blocks have {} bytes, the sender's {}: they would "
                                           "not share the same; nothing was changed",
                                           pool->block_bytes, share_bytes_of(head))
                                   .view()));
  }
  snapshot_ = head.snapshot();
  set_ = into_ == Into::kSet ? pool_ : pool_ + "/" + snapshot_.set_name();
  const bool resumes = position_of(head.start()) != ClonePosition{};
  using Staged = StagingArea::Staged;
  auto area = StagingArea::open(pool_, snapshot_, resumes ? Staged::kKept : Staged::kNew);
  if (!area) return fail(area.error());
  area_.emplace(std::move(*area));
  progress_.emplace(area_->directory(), head);
  if (Status status = check_set(head, pool->device); !status) return fail(status.error());
  auto base_tables = open_base(head);
  if (!base_tables) return fail(base_tables.error());
  if (Status status = check_space(pool_, head.data_bytes(), kBeforeItBegan); !status)
    return fail(status.error());
  Begun begun{.base_tables = std::move(*base_tables), .tables = {}};
  if (resumes) {
    auto tables = resume_volumes(head);
    if (!tables) return fail(tables.error());
    begun.tables = std::move(*tables);
  } else if (Status status = create_volumes(); !status) {
    return fail(status.error());
  }
  area_->drop();  // unless keep() is called
  return begun;
}

Status XfsStaging::keep_reserve(std::uint64_t bytes) {
  since_look_ += bytes;
  if (since_look_ < kLookEvery) return {};
  since_look_ = 0;
  return check_space(pool_, 0, kMeanwhile);
}

Status XfsStaging::write(std::uint32_t volume, std::uint64_t offset,
                         std::span<const std::byte> data) {
  Volume& to = volumes_[volume];
  to.synced = false;
  if (Status status = write_volume(to.file.get(), to.path, offset, data); !status) return status;
  return keep_reserve(data.size());
}

Status XfsStaging::share(std::uint32_t volume, std::uint64_t offset, std::uint64_t length,
                         bool from_base, std::uint32_t source, std::uint64_t source_offset) {
  const Volume& from = (from_base ? base_ : volumes_)[source];
  Volume& to = volumes_[volume];
  to.synced = false;
  if (Status status =
          clone_range(from.file.get(), source_offset, length, to.file.get(), offset, to.path);
      !status) {
    return status;
  }
  // The extents that it takes to say so need room too.
  return keep_reserve(kBlockBytes + length / 64);
}

Status XfsStaging::sync() {
  for (Volume& volume : volumes_) {
    if (volume.synced) continue;
    if (::fsync(volume.file.get()) != 0) {
      return fail(
          {.code = Code::kIo, .sys_errno = errno, .operation = "fsync", .disk = volume.path});
    }
    // Clean pages only, and these are all clean now: the next read asks the disk.
    (void)::posix_fadvise(volume.file.get(), 0, 0, POSIX_FADV_DONTNEED);
    volume.synced = true;
  }
  return {};
}

Status XfsStaging::read(std::uint32_t volume, std::uint64_t offset, std::span<std::byte> buffer) {
  const Volume& from = volumes_[volume];
  return read_volume(from.file.get(), from.path, offset, buffer);
}

Status XfsStaging::note(const ClonePosition& reached, std::span<const RangeTable> tables) {
  std::vector<pb::CloneVolume> recorded;
  for (std::size_t i = 0; i < volumes_.size(); ++i) {
    if (ClonePosition{.volume = static_cast<std::uint32_t>(i), .offset = 0} >= reached) break;
    const auto stamp = stamp_of(volumes_[i].file.get(), volumes_[i].path);
    if (!stamp) return fail(stamp.error());
    record_stamp(recorded.emplace_back(), *stamp);
  }
  Status status = progress_->put(reached, tables, recorded);
  noted_ = noted_ || status;
  return status;
}

void XfsStaging::keep() {
  if (noted_) area_->keep();
}

Status XfsStaging::remove_ancestors(std::vector<RangeTable>& tables) {
  pb::CloneSnapshot kept = snapshot_;
  kept.clear_volumes();
  std::vector<RangeTable> of_kept;
  for (int i = 0; i < snapshot_.volumes_size(); ++i) {
    const pb::CloneVolume& volume = snapshot_.volumes(i);
    if (!volume.ancestor()) {
      *kept.add_volumes() = volume;
      of_kept.push_back(std::move(tables[static_cast<std::size_t>(i)]));
      continue;
    }
    const std::string path = area_->directory() + "/" + volume.name();
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      return fail({.code = Code::kIo, .sys_errno = errno, .operation = "remove", .disk = path});
    }
  }
  std::vector<std::size_t> order(of_kept.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {},
                    [&](std::size_t i) { return kept.volumes(static_cast<int>(i)).name(); });
  snapshot_ = kept;
  snapshot_.clear_volumes();
  tables.clear();
  for (const std::size_t i : order) {
    *snapshot_.add_volumes() = kept.volumes(static_cast<int>(i));
    tables.push_back(std::move(of_kept[i]));
  }
  return {};
}

Status XfsStaging::publish(std::span<const RangeTable> all_tables) {
  std::vector<RangeTable> tables(all_tables.begin(), all_tables.end());
  // What was shared from the base while it changed would be neither.
  if (!base_directory_.empty()) {
    if (Status status = check_unmodified(base_directory_, base_snapshot_); !status) return status;
  }
  volumes_.clear();
  if (Status status = remove_ancestors(tables); !status) return status;
  if (Status status = seal_volumes(area_->directory(), snapshot_); !status) return status;
  if (Status status = save_tables(area_->directory(), tables, snapshot_); !status) return status;
  if (into_ == Into::kSet) return area_->publish(".", snapshot_.set_uuid(), true);
  Status status = area_->publish(snapshot_.set_name(), snapshot_.set_uuid());
  if (!status) return status;
  const Status noted = note_common(set_, "sender", snapshot_.uuid());
  if (noted) return {};
  return published_but(noted.error(), "prune does not know that the sender has it too");
}

}  // namespace lastword
