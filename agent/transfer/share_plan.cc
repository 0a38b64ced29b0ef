#include "agent/transfer/share_plan.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "agent/transfer/range_sources.h"

namespace lastword {
namespace {

CloneRun plain(CloneRunKind kind, std::uint64_t length) {
  return {.kind = static_cast<std::uint32_t>(kind), .length = length};
}

CloneRun shared(const Owner& from, std::uint64_t length) {
  return {.kind = static_cast<std::uint32_t>(from.kind),
          .source = from.volume,
          .length = length,
          .source_offset = from.offset};
}

void append(std::vector<CloneRun>& runs, const CloneRun& run) {
  if (run.length != 0) append_run(runs, run);
}

}  // namespace

void append_run(std::vector<CloneRun>& runs, const CloneRun& run) {
  if (!runs.empty()) {
    CloneRun& last = runs.back();
    const bool goes_on = !is_shared(run) || last.source_offset + last.length == run.source_offset;
    if (last.kind == run.kind && last.source == run.source && goes_on) {
      last.length += run.length;
      return;
    }
  }
  runs.push_back(run);
}

std::size_t SharePlanner::KeyHash::operator()(const Hash128& key) const {
  std::size_t part = 0;
  std::memcpy(&part, key.bytes.data(), sizeof part);
  return part;
}

Status SharePlanner::check_size(const VolumeMap& volume, std::size_t count) const {
  if (count < kMaxCloneVolumes && volume.size <= kMaxVolumeBytes) return {};
  return fail({.code = Code::kUnsupported,
               .operation = "plan sharing",
               .disk = volume.volume,
               .detail = "a volume of more than 16 TiB, or more than 1024 of them"});
}

std::uint64_t SharePlanner::whole_blocks(std::uint64_t size) const {
  return size / block_bytes_ * block_bytes_;
}

// As a whole: not where a volume ends inside a block.
bool SharePlanner::can_be_shared(std::uint64_t size, std::uint64_t index) const {
  return whole_blocks(size) == size || index + 1 < range_count(size);
}

Status SharePlanner::add_base(const VolumeMap& volume) {
  if (Status status = check_size(volume, base_.size()); !status) return status;
  Place place{.kind = CloneRunKind::kBase, .volume = static_cast<std::uint32_t>(base_.size())};
  Known known{.map = volume};
  RangePieces ranges(volume, block_bytes_);
  for (; place.index < range_count(volume.size); ++place.index) {
    const auto range = ranges.next();
    if (!range) return fail(range.error());
    (void)runs_of(*range, known, place, true);
  }
  known.digest = ranges.digest();
  base_.push_back(std::move(known));
  return {};
}

void SharePlanner::add_base_hashes(std::uint64_t size, std::span<const Hash128> table) {
  for (std::uint64_t i = 0; i < table.size(); ++i) {
    if (table[i] == kZeroRange) continue;
    hashed_.emplace(std::pair(table[i].bytes, range_length(size, i)),
                    HashedRange{.volume = hashed_volumes_, .index = i});
  }
  ++hashed_volumes_;
}

Status SharePlanner::add_volume(const VolumeMap& volume, std::span<const Hash128> table) {
  if (Status status = check_size(volume, volumes_.size()); !status) return status;
  Place place{.kind = CloneRunKind::kSent, .volume = static_cast<std::uint32_t>(volumes_.size())};
  Known known{.map = volume, .table = table};
  RangePieces ranges(volume, block_bytes_);
  for (; place.index < range_count(volume.size); ++place.index) {
    const auto range = ranges.next();
    if (!range) return fail(range.error());
    const auto runs = runs_of(*range, known, place, true);
    count(*runs, place.volume, place.index);
  }
  known.digest = ranges.digest();
  volumes_.push_back(std::move(known));
  return {};
}

void SharePlanner::count(const std::vector<CloneRun>& runs, std::uint32_t volume,
                         std::uint64_t index) {
  const bool counts = ClonePosition{.volume = volume, .offset = index * kRangeBytes} >= start_;
  for (const CloneRun& run : runs) {
    const bool data = static_cast<CloneRunKind>(run.kind) == CloneRunKind::kData;
    if (data) data_bytes_ += run.length;
    if (data && counts) data_from_start_ += run.length;
    if (is_shared(run) && counts) shared_from_start_ += run.length;
  }
}

void SharePlanner::begin(std::uint32_t volume) {
  telling_ = volume;
  told_.emplace(volumes_[volume].map, block_bytes_);
}

Result<std::vector<CloneRun>> SharePlanner::next_range() {
  const Known& volume = volumes_[telling_];
  const auto range = told_->next();
  if (!range) return fail(range.error());
  auto runs =
      runs_of(*range, volume,
              {.kind = CloneRunKind::kSent, .volume = telling_, .index = range->index}, false);
  if (!runs) return fail(moved(volume));
  return std::move(*runs);
}

Error SharePlanner::moved(const Known& volume) const {
  return {.code = Code::kIo,
          .operation = "send snapshot",
          .disk = volume.map.volume,
          .detail = "its blocks were moved meanwhile (xfs_fsr?); send it again"};
}

Status SharePlanner::check_unmoved() const {
  for (const auto* all : {&base_, &volumes_}) {
    for (const Known& volume : *all) {
      RangePieces ranges(volume.map, block_bytes_);
      for (std::uint64_t i = 0; i < range_count(volume.map.size); ++i) {
        if (const auto range = ranges.next(); !range) return fail(range.error());
      }
      if (!(ranges.digest() == volume.digest)) return fail(moved(volume));
    }
  }
  return {};
}

const SharePlanner::HashedRange* SharePlanner::range_with(const Hash128& hash,
                                                          std::uint64_t length) const {
  const auto there = hashed_.find(std::pair(hash.bytes, length));
  return there == hashed_.end() ? nullptr : &there->second;
}

std::optional<std::vector<CloneRun>> SharePlanner::runs_of(const RangeOfBlocks& range,
                                                           const Known& volume, Place place,
                                                           bool learn) {
  const std::uint64_t size = volume.map.size;
  const std::uint64_t length = range_length(size, range.index);
  std::vector<CloneRun> runs;
  if (range.pieces.empty()) {
    append(runs, plain(CloneRunKind::kZero, length));
    return runs;
  }
  const bool whole = can_be_shared(size, range.index);
  if (whole && !volume.table.empty()) {
    if (const auto* same = range_with(volume.table[range.index], length)) {
      const Owner there{
          .kind = CloneRunKind::kBase, .volume = same->volume, .offset = same->index * kRangeBytes};
      // Its blocks are there too, should another range have some of them.
      std::vector<CloneRun> unused;
      const Place other{.kind = there.kind, .volume = there.volume, .index = same->index};
      if (learn) (void)by_owners(range, size, other, true, unused);
      append(runs, shared(there, length));
      return runs;
    }
  }
  if (whole) {
    const auto there = ranges_.find(range.key);
    if (there != ranges_.end() && !(there->second == place)) {
      append(runs, shared({.kind = there->second.kind,
                           .volume = there->second.volume,
                           .offset = there->second.index * kRangeBytes},
                          length));
      return runs;
    }
  }
  if (!by_owners(range, size, place, learn, runs)) return std::nullopt;
  if (learn && whole && !found_without_index(runs)) ranges_.emplace(range.key, place);
  return runs;
}

// Whoever looks for the same range comes by the owners of its blocks to one whole range as well.
bool SharePlanner::found_without_index(const std::vector<CloneRun>& runs) {
  return runs.size() == 1 && (!is_shared(runs[0]) || runs[0].source_offset % kRangeBytes == 0);
}

bool SharePlanner::by_owners(const RangeOfBlocks& range, std::uint64_t size, const Place& place,
                             bool learn, std::vector<CloneRun>& runs) {
  const std::uint64_t length = range_length(size, range.index);
  const std::uint64_t whole = std::min(
      length, whole_blocks(size) - std::min(whole_blocks(size), range.index * kRangeBytes));
  const std::uint64_t begin = place.index * kRangeBytes;
  std::uint64_t at = 0;
  for (const Mapping& one : range.pieces) {
    append(runs, plain(CloneRunKind::kZero, one.offset - at));
    at = one.offset;
    const std::uint64_t stop = std::min(one.offset + one.length, whole);
    while (at < stop) {
      const std::uint64_t physical = one.physical + (at - one.offset);
      const auto piece = owners_.look(physical, stop - at);
      const Owner self{.kind = place.kind, .volume = place.volume, .offset = begin + at};
      if (!piece.owner && !learn) return false;
      if (!piece.owner) owners_.claim(physical, piece.length, self);
      const bool own = !piece.owner || *piece.owner == self;
      append(runs,
             own ? plain(CloneRunKind::kData, piece.length) : shared(*piece.owner, piece.length));
      at += piece.length;
    }
    append(runs, plain(CloneRunKind::kData, one.offset + one.length - at));
    at = one.offset + one.length;
  }
  append(runs, plain(CloneRunKind::kZero, length - at));
  return true;
}

}  // namespace lastword
