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

// How far from byte `at` of the range on the parent has the blocks of `one`, and which way: as far
// as it has them, or as far as it has them not.
struct InParent {
  bool same = false;
  std::uint64_t length = 0;
};
InParent look_in(const RangeOfBlocks& parent, const Mapping& one, std::uint64_t at,
                 std::uint64_t length) {
  const auto piece = std::ranges::partition_point(
      parent.pieces, [&](const Mapping& other) { return other.offset + other.length <= at; });
  if (piece == parent.pieces.end()) return {.same = false, .length = length};
  if (piece->offset > at) return {.same = false, .length = std::min(length, piece->offset - at)};
  return {.same = piece->physical - piece->offset == one.physical - one.offset,
          .length = std::min(length, piece->offset + piece->length - at)};
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
  Walk walk = walk_of(known);
  for (; place.index < range_count(volume.size); ++place.index) {
    if (Status status = step(walk); !status) return status;
    (void)runs_of(walk, known, place, true);
  }
  known.digest = walk.own.digest();
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

SharePlanner::Walk SharePlanner::walk_of(const Known& volume) const {
  Walk walk{.own = RangePieces(volume.map, block_bytes_), .parent = std::nullopt};
  if (!volume.parent) return walk;
  const bool sent = volume.parent->kind == CloneRunKind::kSent;
  const VolumeMap& map = (sent ? volumes_ : base_)[volume.parent->volume].map;
  walk.parent.emplace(map, block_bytes_);
  walk.parent_size = whole_blocks(map.size);
  return walk;
}

Status SharePlanner::step(Walk& walk) {
  auto range = walk.own.next();
  if (!range) return fail(range.error());
  walk.range = std::move(*range);
  walk.above.reset();
  if (!walk.parent || walk.range.index * kRangeBytes >= walk.parent_size) return {};
  auto above = walk.parent->next();
  if (!above) return fail(above.error());
  walk.above = std::move(*above);
  return {};
}

Status SharePlanner::add_volume(const VolumeMap& volume, std::span<const Hash128> table,
                                const std::optional<Parent>& parent) {
  if (Status status = check_size(volume, volumes_.size()); !status) return status;
  Place place{.kind = CloneRunKind::kSent, .volume = static_cast<std::uint32_t>(volumes_.size())};
  Known known{.map = volume, .table = table, .parent = parent};
  Walk walk = walk_of(known);
  for (; place.index < range_count(volume.size); ++place.index) {
    if (Status status = step(walk); !status) return status;
    const auto runs = runs_of(walk, known, place, true);
    count(*runs, place.volume, place.index);
  }
  known.digest = walk.own.digest();
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
  told_.emplace(walk_of(volumes_[volume]));
}

Result<std::vector<CloneRun>> SharePlanner::next_range() {
  const Known& volume = volumes_[telling_];
  if (Status status = step(*told_); !status) return fail(status.error());
  auto runs = runs_of(
      *told_, volume,
      {.kind = CloneRunKind::kSent, .volume = telling_, .index = told_->range.index}, false);
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

std::optional<std::vector<CloneRun>> SharePlanner::runs_of(const Walk& walk, const Known& volume,
                                                           Place place, bool learn) {
  const RangeOfBlocks& range = walk.range;
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
      if (learn) (void)by_owners(walk, volume, other, true, unused);
      append(runs, shared(there, length));
      return runs;
    }
  }
  // Its key tells its length too.
  if (whole && walk.above && walk.above->key == range.key &&
      range.index * kRangeBytes + length <= walk.parent_size) {
    append(runs, shared({.kind = volume.parent->kind,
                         .volume = volume.parent->volume,
                         .offset = range.index * kRangeBytes},
                        length));
    return runs;
  }
  if (whole && !walk.above) {
    const auto there = ranges_.find(range.key);
    if (there != ranges_.end() && !(there->second == place)) {
      append(runs, shared({.kind = there->second.kind,
                           .volume = there->second.volume,
                           .offset = there->second.index * kRangeBytes},
                          length));
      return runs;
    }
  }
  if (!by_owners(walk, volume, place, learn, runs)) return std::nullopt;
  if (learn && whole && !found_without_index(runs)) ranges_.emplace(range.key, place);
  return runs;
}

// Whoever looks for the same range comes by the owners of its blocks to one whole range as well.
bool SharePlanner::found_without_index(const std::vector<CloneRun>& runs) {
  return runs.size() == 1 && (!is_shared(runs[0]) || runs[0].source_offset % kRangeBytes == 0);
}

bool SharePlanner::by_owners(const Walk& walk, const Known& volume, const Place& place, bool learn,
                             std::vector<CloneRun>& runs) {
  const RangeOfBlocks& range = walk.range;
  const std::uint64_t size = volume.map.size;
  const std::uint64_t length = range_length(size, range.index);
  const std::uint64_t whole = std::min(
      length, whole_blocks(size) - std::min(whole_blocks(size), range.index * kRangeBytes));
  const std::uint64_t begin = place.index * kRangeBytes;
  const std::uint64_t in_parent = walk.parent_size - std::min(walk.parent_size, begin);
  std::uint64_t at = 0;
  for (const Mapping& one : range.pieces) {
    append(runs, plain(CloneRunKind::kZero, one.offset - at));
    at = one.offset;
    const std::uint64_t stop = std::min(one.offset + one.length, whole);
    while (at < stop) {
      const std::uint64_t physical = one.physical + (at - one.offset);
      std::uint64_t most = stop - at;
      if (walk.above && at < in_parent) {
        const InParent above = look_in(*walk.above, one, at, std::min(most, in_parent - at));
        most = above.length;
        if (above.same) {
          const Owner there{
              .kind = volume.parent->kind, .volume = volume.parent->volume, .offset = begin + at};
          append(runs, shared(there, most));
          at += most;
          continue;
        }
      }
      const auto piece = owners_.look(physical, most);
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
