#include "agent/transfer/staged_progress.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/base/json.h"
#include "agent/base/text_file.h"
#include "agent/transfer/clone_position.h"
#include "agent/transfer/stream_head.h"
#include "agent/transfer/xfs_files.h"
#include "proto/crc32c.h"

namespace lastword {
namespace {

std::string progress_file(const std::string& directory) {
  return directory + "/.progress.json";
}

std::string hashes_file(const std::string& directory) {
  return directory + "/.progress.hashes";
}

tl::unexpected<Error> corrupt_progress(const std::string& path, std::string_view detail) {
  return fail({.code = Code::kCorrupt, .operation = "read", .disk = path, .detail = detail});
}

tl::unexpected<Error> progress_failed(std::string_view operation, const std::string& path) {
  return fail({.code = errno == ENOSPC ? Code::kNoSpace : Code::kIo,
               .sys_errno = errno,
               .operation = operation,
               .disk = path});
}

// Ranges of a volume that are before `reached`.
std::uint64_t ranges_before(std::uint32_t volume, std::uint64_t size,
                            const ClonePosition& reached) {
  if (volume < reached.volume) return range_count(size);
  return volume == reached.volume ? reached.offset / kRangeBytes : 0;
}

std::uint64_t hashes_bytes_before(const pb::CloneSnapshot& snapshot, const ClonePosition& reached) {
  std::uint64_t ranges = 0;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(snapshot.volumes_size()); ++i) {
    ranges += ranges_before(i, snapshot.volumes(static_cast<int>(i)).size(), reached);
  }
  return ranges * sizeof(Hash128);
}

}  // namespace

Result<pb::CloneProgress> load_progress(const std::string& directory) {
  pb::CloneProgress record;
  const std::string path = progress_file(directory);
  if (Status status = load_json(path, record); !status) return fail(status.error());
  const std::string& uuid = record.head().snapshot().uuid();
  const auto id = parse_uuid(uuid);
  const ClonePosition reached = position_of(record.reached());
  const bool good = id && directory.ends_with(uuid) && check_head(record.head(), *id) &&
                    is_place_in(record.head().snapshot(), reached) &&
                    record.volumes_size() <= record.head().snapshot().volumes_size();
  if (!good) return corrupt_progress(path, "not how far this transfer has come");
  return record;
}

Result<std::vector<RangeTable>> load_progress_tables(const std::string& directory,
                                                     const pb::CloneProgress& record) {
  const std::string path = hashes_file(directory);
  const auto bytes = read_text_file(path);
  if (!bytes) return corrupt_progress(path, "cannot be read");
  const pb::CloneSnapshot& snapshot = record.head().snapshot();
  const ClonePosition reached = position_of(record.reached());
  const std::uint64_t counted = hashes_bytes_before(snapshot, reached);
  const auto all = std::as_bytes(std::span(*bytes));
  if (all.size() < counted || crc32c(all.first(counted)) != record.hashes_crc32c()) {
    return corrupt_progress(path, "not the hashes that .progress.json counts");
  }
  std::vector<RangeTable> tables;
  std::uint64_t at = 0;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(snapshot.volumes_size()); ++i) {
    if (ClonePosition{.volume = i, .offset = 0} >= reached) break;
    const std::uint64_t size = snapshot.volumes(static_cast<int>(i)).size();
    RangeTable table(range_count(size));
    const std::uint64_t length = ranges_before(i, size, reached) * sizeof(Hash128);
    std::memcpy(table.data(), all.data() + at, length);
    at += length;
    tables.push_back(std::move(table));
  }
  return tables;
}

Status remove_progress(const std::string& directory) {
  // The record first: without hashes it would be damaged.
  for (const std::string& path : {progress_file(directory), hashes_file(directory)}) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return progress_failed("remove", path);
  }
  return {};
}

StagedProgress::StagedProgress(std::string directory, const pb::CloneStreamHead& head)
    : directory_(std::move(directory)) {
  *record_.mutable_head() = head;
  record_.mutable_head()->clear_start();
  record_.mutable_head()->clear_data_bytes();
  for (const auto& volume : head.snapshot().volumes()) sizes_.push_back(volume.size());
}

void StagedProgress::resume(const ClonePosition& reached, std::uint32_t hashes_crc32c) {
  reached_ = reached;
  record_.set_hashes_crc32c(hashes_crc32c);
  hashes_bytes_ = hashes_bytes_before(record_.head().snapshot(), reached);
}

Status StagedProgress::append(std::span<const Hash128> hashes) {
  const auto bytes = std::as_bytes(hashes);
  const Status status = write_volume(file_.get(), hashes_file(directory_), hashes_bytes_, bytes);
  if (!status) return status;
  record_.set_hashes_crc32c(crc32c(bytes, record_.hashes_crc32c()));
  hashes_bytes_ += bytes.size();
  return {};
}

Status StagedProgress::put(const ClonePosition& reached, std::span<const RangeTable> tables,
                           std::span<const pb::CloneVolume> volumes) {
  const std::string path = hashes_file(directory_);
  if (!file_.valid()) {
    file_ = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file_.valid()) return progress_failed("open", path);
  }
  for (std::uint32_t i = reached_.volume; i < sizes_.size() && i <= reached.volume; ++i) {
    const std::uint64_t from = ranges_before(i, sizes_[i], reached_);
    const std::uint64_t to = ranges_before(i, sizes_[i], reached);
    if (from == to) continue;
    if (Status status = append(std::span(tables[i]).subspan(from, to - from)); !status) {
      return status;
    }
  }
  reached_ = reached;
  if (::fsync(file_.get()) != 0) return progress_failed("fsync", path);
  set_position(*record_.mutable_reached(), reached);
  record_.clear_volumes();
  for (const pb::CloneVolume& volume : volumes) *record_.add_volumes() = volume;
  return save_json(progress_file(directory_), record_);
}

}  // namespace lastword
