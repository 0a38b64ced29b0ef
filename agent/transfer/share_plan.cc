#include "agent/transfer/share_plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

namespace lastword {
namespace {

// Who has a stretch of physical bytes first.
struct Owner {
  std::uint64_t end = 0;
  CloneRunKind kind = CloneRunKind::kSent;
  std::uint32_t volume = 0;
  std::uint64_t offset = 0;  // in the volume, of the stretch's first byte
};

class Owners {
 public:
  // Goes through [physical, physical + length) front to back. `owned(piece_bytes, owner, offset)`
  // for what has an owner; what has none becomes `as`'s from `as.offset` on, and
  // `unowned(piece_bytes)` is called.
  template <class Owned, class Unowned>
  void walk(std::uint64_t physical, std::uint64_t length, Owner as, const Owned& owned,
            const Unowned& unowned) {
    auto next = owners_.upper_bound(physical);
    if (next != owners_.begin() && std::prev(next)->second.end > physical) --next;
    const std::uint64_t end = physical + length;
    for (std::uint64_t at = physical; at < end;) {
      std::uint64_t stop = end;
      if (next != owners_.end() && next->first <= at) {
        const Owner& owner = next->second;
        stop = std::min(end, owner.end);
        owned(stop - at, owner, owner.offset + (at - next->first));
        ++next;
      } else {
        if (next != owners_.end()) stop = std::min(end, next->first);
        as.end = stop;
        owners_.emplace_hint(next, at, as);
        unowned(stop - at);
      }
      as.offset += stop - at;
      at = stop;
    }
  }

 private:
  std::map<std::uint64_t, Owner> owners_;  // by first physical byte
};

// Ranges by the blocks that they consist of.
class Ranges {
 public:
  struct Place {
    const MappedVolume* map = nullptr;
    CloneRunKind kind = CloneRunKind::kSent;
    std::uint32_t volume = 0;
    std::uint64_t index = 0;
  };

  // Written mappings of the range, offsets counted from its begin.
  static std::vector<Mapping> pieces_of(const MappedVolume& volume, std::uint64_t index) {
    std::vector<Mapping> pieces;
    const std::uint64_t begin = index * kRangeBytes;
    const std::uint64_t end = begin + range_length(volume.size, index);
    auto one = std::ranges::partition_point(volume.mappings, [&](const Mapping& mapping) {
      return mapping.offset + mapping.length <= begin;
    });
    for (; one != volume.mappings.end() && one->offset < end; ++one) {
      if (!one->written) continue;
      const std::uint64_t from = std::max(one->offset, begin);
      const std::uint64_t to = std::min(one->offset + one->length, end);
      pieces.push_back({.offset = from - begin,
                        .length = to - from,
                        .physical = one->physical + (from - one->offset)});
    }
    return pieces;
  }

  // Where such a range is already; else it is at `place` from now on.
  std::optional<Place> find_or_add(const std::vector<Mapping>& pieces, const Place& place) {
    const auto [first, last] = places_.equal_range(key_of(pieces));
    for (auto one = first; one != last; ++one) {
      const Place& there = one->second;
      const bool as_long =
          range_length(there.map->size, there.index) == range_length(place.map->size, place.index);
      if (as_long && pieces_of(*there.map, there.index) == pieces) return there;
    }
    places_.emplace(key_of(pieces), place);
    return std::nullopt;
  }

 private:
  static std::uint64_t key_of(const std::vector<Mapping>& pieces) {
    std::uint64_t key = pieces.size();
    for (const Mapping& one : pieces) {
      for (const std::uint64_t number : {one.offset, one.length, one.physical}) {
        key = (key ^ number) * 0x9e3779b97f4a7c15ULL;
        key ^= key >> 32;
      }
    }
    return key;
  }
  std::unordered_multimap<std::uint64_t, Place> places_;
};

// Ranges of other volumes by what they hold.
class RangesByHash {
 public:
  struct Place {
    std::uint32_t volume = 0;
    std::uint64_t index = 0;
  };
  void add(std::uint32_t volume, std::uint64_t size, const RangeTable& table) {
    for (std::uint64_t i = 0; i < table.size(); ++i) {
      if (table[i] == kZeroRange) continue;
      places_.emplace(Key{table[i].bytes, range_length(size, i)}, Place{volume, i});
    }
  }
  [[nodiscard]] const Place* find(const Hash128& hash, std::uint64_t length) const {
    const auto there = places_.find(Key{hash.bytes, length});
    return there == places_.end() ? nullptr : &there->second;
  }

 private:
  using Key = std::pair<std::array<std::uint8_t, 16>, std::uint64_t>;
  std::map<Key, Place> places_;
};

CloneRun plain(CloneRunKind kind, std::uint64_t length) {
  return {.kind = static_cast<std::uint32_t>(kind), .length = length};
}

Status check_map(const MappedVolume& volume, std::uint64_t block_bytes) {
  const Error error{.code = Code::kCorrupt,
                    .operation = "plan sharing",
                    .detail = "the block map of a volume contradicts itself"};
  std::uint64_t at = 0;
  for (const Mapping& one : volume.mappings) {
    const std::uint64_t all = one.offset | one.length | one.physical;
    if (one.length == 0 || all % block_bytes != 0 || one.offset < at) return fail(error);
    if (one.offset + one.length < one.offset) return fail(error);
    if (one.physical + one.length < one.physical) return fail(error);
    at = one.offset + one.length;
  }
  return {};
}

}  // namespace

void append_run(std::vector<CloneRun>& runs, const CloneRun& run) {
  if (!runs.empty()) {
    CloneRun& last = runs.back();
    const bool shared = static_cast<CloneRunKind>(run.kind) == CloneRunKind::kSent ||
                        static_cast<CloneRunKind>(run.kind) == CloneRunKind::kBase;
    const bool goes_on = !shared || last.source_offset + last.length == run.source_offset;
    if (last.kind == run.kind && last.source == run.source && goes_on) {
      last.length += run.length;
      return;
    }
  }
  runs.push_back(run);
}

namespace {

class Planner {
 public:
  explicit Planner(std::uint64_t block_bytes) : block_bytes_(block_bytes) {}

  // Its blocks need not go.
  void add_base(const MappedVolume& volume, std::uint32_t number) {
    const std::uint64_t whole = whole_blocks(volume);
    for (const Mapping& one : volume.mappings) {
      if (!one.written || one.offset >= whole) continue;
      Mapping inside = one;
      inside.length = std::min(one.length, whole - one.offset);
      own(inside, {.kind = CloneRunKind::kBase, .volume = number, .offset = one.offset});
    }
    for (std::uint64_t i = 0; i < whole_ranges(volume); ++i) {
      const auto pieces = Ranges::pieces_of(volume, i);
      if (pieces.empty()) continue;
      (void)ranges_.find_or_add(
          pieces, {.map = &volume, .kind = CloneRunKind::kBase, .volume = number, .index = i});
    }
  }

  // What the receiver has is known by hashes from now on.
  RangesByHash& by_hash() { return by_hash_; }

  // `table` may be empty: its hashes are not looked for.
  void add_volume(const MappedVolume& volume, std::uint32_t number,
                  std::span<const Hash128> table = {}) {
    plan_.runs.emplace_back();
    for (std::uint64_t i = 0; i < range_count(volume.size); ++i) {
      const auto pieces = Ranges::pieces_of(volume, i);
      const std::uint64_t length = range_length(volume.size, i);
      std::optional<Ranges::Place> there;
      if (!pieces.empty() && i < whole_ranges(volume) && !table.empty()) {
        if (const auto* same = by_hash_.find(table[i], length)) {
          add_shared(CloneRunKind::kBase, same->volume, length, same->index * kRangeBytes);
          // Its blocks are there too, should another range have some of them.
          for (const Mapping& one : pieces) {
            own(one, {.kind = CloneRunKind::kBase,
                      .volume = same->volume,
                      .offset = same->index * kRangeBytes + one.offset});
          }
          continue;
        }
      }
      if (!pieces.empty() && i < whole_ranges(volume)) {
        there = ranges_.find_or_add(
            pieces, {.map = &volume, .kind = CloneRunKind::kSent, .volume = number, .index = i});
      }
      if (there) {
        add_shared(there->kind, there->volume, length, there->index * kRangeBytes);
      } else {
        add_range(volume, number, i, pieces);
      }
    }
  }

  [[nodiscard]] SharePlan& plan() { return plan_; }

 private:
  void own(const Mapping& blocks, const Owner& as) {
    owners_.walk(
        blocks.physical, blocks.length, as, [](std::uint64_t, const Owner&, std::uint64_t) {},
        [](std::uint64_t) {});
  }
  [[nodiscard]] std::uint64_t whole_blocks(const MappedVolume& volume) const {
    return volume.size / block_bytes_ * block_bytes_;
  }
  // Ranges that can be shared as a whole.
  [[nodiscard]] std::uint64_t whole_ranges(const MappedVolume& volume) const {
    const bool odd_end = whole_blocks(volume) != volume.size;
    return range_count(volume.size) - (odd_end ? 1 : 0);
  }

  void add_range(const MappedVolume& volume, std::uint32_t number, std::uint64_t index,
                 const std::vector<Mapping>& pieces) {
    const std::uint64_t begin = index * kRangeBytes;
    const std::uint64_t length = range_length(volume.size, index);
    const std::uint64_t whole = std::min(length, whole_blocks(volume) - begin);
    std::uint64_t at = 0;
    for (const Mapping& one : pieces) {
      add_zero(one.offset - at);
      at = one.offset + one.length;
      const std::uint64_t stop = std::min(at, whole);
      if (stop > one.offset) {
        owners_.walk(
            one.physical, stop - one.offset,
            {.kind = CloneRunKind::kSent, .volume = number, .offset = begin + one.offset},
            [&](std::uint64_t bytes, const Owner& owner, std::uint64_t offset) {
              add_shared(owner.kind, owner.volume, bytes, offset);
            },
            [&](std::uint64_t bytes) { add_data(bytes); });
      }
      add_data(at - std::max(std::min(at, one.offset), stop));
    }
    add_zero(length - at);
  }

  void add_zero(std::uint64_t bytes) {
    if (bytes != 0) append_run(plan_.runs.back(), plain(CloneRunKind::kZero, bytes));
  }
  void add_data(std::uint64_t bytes) {
    if (bytes != 0) append_run(plan_.runs.back(), plain(CloneRunKind::kData, bytes));
    plan_.data_bytes += bytes;
  }
  void add_shared(CloneRunKind kind, std::uint32_t volume, std::uint64_t bytes,
                  std::uint64_t offset) {
    append_run(plan_.runs.back(), {.kind = static_cast<std::uint32_t>(kind),
                                   .source = volume,
                                   .length = bytes,
                                   .source_offset = offset});
    plan_.shared_bytes += bytes;
  }

  std::uint64_t block_bytes_;
  Owners owners_;
  Ranges ranges_;
  RangesByHash by_hash_;
  SharePlan plan_;
};

}  // namespace

Result<SharePlan> plan_sharing(std::span<const MappedVolume> base,
                               std::span<const MappedVolume> volumes, std::uint64_t block_bytes) {
  for (const auto& all : {base, volumes}) {
    for (const MappedVolume& volume : all) {
      if (Status status = check_map(volume, block_bytes); !status) return fail(status.error());
    }
  }
  Planner planner(block_bytes);
  for (std::uint32_t i = 0; i < base.size(); ++i) planner.add_base(base[i], i);
  for (std::uint32_t i = 0; i < volumes.size(); ++i) planner.add_volume(volumes[i], i);
  return std::move(planner.plan());
}

Result<SharePlan> plan_by_hashes(std::span<const std::uint64_t> base_sizes,
                                 std::span<const RangeTable> base_tables,
                                 std::span<const MappedVolume> volumes,
                                 std::span<const RangeTable> tables, std::uint64_t block_bytes) {
  for (const MappedVolume& volume : volumes) {
    if (Status status = check_map(volume, block_bytes); !status) return fail(status.error());
  }
  Planner planner(block_bytes);
  for (std::uint32_t i = 0; i < base_tables.size(); ++i) {
    planner.by_hash().add(i, base_sizes[i], base_tables[i]);
  }
  for (std::uint32_t i = 0; i < volumes.size(); ++i) {
    planner.add_volume(volumes[i], i, tables[i]);
  }
  return std::move(planner.plan());
}

}  // namespace lastword
