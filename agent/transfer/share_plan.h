// What goes into a clone stream: which bytes of the volumes as data, and which as a reference to
// bytes that the receiver has by then. Decides by block maps and hashes alone, and never holds a
// map: it goes through each twice, to learn who has a block first, and to tell the runs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "agent/transfer/owner_table.h"
#include "agent/transfer/range_hash.h"
#include "agent/transfer/range_pieces.h"
#include "proto/clone_stream.h"

namespace lastword {

// Each distinct block is data at most once, in the first volume that has it and there at its first
// place, and never where a volume of the base has it. A range (kRangeBytes) that consists of just
// the blocks of one range of the base, or of an earlier volume, is shared as a whole: nobody has to
// read or to hash it again. Sharing begins and ends at multiples of `block_bytes`, and so does
// every mapping; the odd end of a volume is data.
//
// A volume that the receiver begins as a snapshot of another one, its parent, refers to the parent
// where both have the same block at the same place.
//
// All of the base is added, then all volumes, then runs are told. Errors are those of the block
// maps; kCorrupt: a map contradicts itself; kUnsupported: more than kMaxCloneVolumes or
// kMaxVolumeBytes.
class SharePlanner {
 public:
  // Totals are counted from `start` on.
  explicit SharePlanner(std::uint64_t block_bytes, const ClonePosition& start = {})
      : block_bytes_(block_bytes), start_(start), owners_(block_bytes) {}
  SharePlanner(SharePlanner&&) = default;

  // The next volume of the base, by its blocks. Its blocks need not go.
  [[nodiscard]] Status add_base(const VolumeMap& volume);
  // The same where the receiver's volumes are known by their hashes alone: a range whose hash and
  // length one of theirs has is taken from there.
  void add_base_hashes(std::uint64_t size, std::span<const Hash128> table);
  struct Parent {
    CloneRunKind kind = CloneRunKind::kSent;  // or kBase
    std::uint32_t volume = 0;                 // added before
  };
  // The next volume to be sent. `table` has its hashes, and outlives this; it may be empty where
  // the base has none.
  [[nodiscard]] Status add_volume(const VolumeMap& volume, std::span<const Hash128> table = {},
                                  const std::optional<Parent>& parent = std::nullopt);

  // The runs of volume number `volume` from its byte 0 on come next, those of a range at a time;
  // range_count() ranges.
  void begin(std::uint32_t volume);
  // kIo: its blocks are not where they were.
  [[nodiscard]] Result<std::vector<CloneRun>> next_range();

  // Are all blocks, those of the base included, where they were? kIo: no.
  [[nodiscard]] Status check_unmoved() const;

  [[nodiscard]] std::uint64_t data_bytes() const { return data_bytes_; }  // from byte 0 on
  [[nodiscard]] std::uint64_t data_from_start() const { return data_from_start_; }
  [[nodiscard]] std::uint64_t shared_from_start() const { return shared_from_start_; }

 private:
  struct Place {
    CloneRunKind kind = CloneRunKind::kSent;
    std::uint32_t volume = 0;
    std::uint64_t index = 0;
    bool operator==(const Place&) const = default;
  };
  struct Known {
    VolumeMap map;
    std::span<const Hash128> table = {};
    std::optional<Parent> parent = std::nullopt;
    Hash128 digest{};
  };
  // A volume range by range, and what its parent has there.
  struct Walk {
    RangePieces own;
    std::optional<RangePieces> parent;
    std::uint64_t parent_size = 0;  // as far as it is whole blocks
    RangeOfBlocks range = {};
    std::optional<RangeOfBlocks> above = std::nullopt;  // where the parent has this range
  };
  struct KeyHash {
    std::size_t operator()(const Hash128& key) const;
  };
  struct HashedRange {
    std::uint32_t volume = 0;
    std::uint64_t index = 0;
  };

  [[nodiscard]] Walk walk_of(const Known& volume) const;
  [[nodiscard]] static Status step(Walk& walk);
  [[nodiscard]] Status check_size(const VolumeMap& volume, std::size_t count) const;
  [[nodiscard]] Error moved(const Known& volume) const;
  [[nodiscard]] std::uint64_t whole_blocks(std::uint64_t size) const;
  [[nodiscard]] bool can_be_shared(std::uint64_t size, std::uint64_t index) const;
  [[nodiscard]] const HashedRange* range_with(const Hash128& hash, std::uint64_t length) const;
  // Of a range of volume `number`, kSent or kBase. Who has its blocks first is learnt on the way,
  // or, once all is learnt, is known; std::nullopt: it is not.
  [[nodiscard]] std::optional<std::vector<CloneRun>> runs_of(const Walk& walk, const Known& volume,
                                                             Place place, bool learn);
  [[nodiscard]] bool by_owners(const Walk& walk, const Known& volume, const Place& place,
                               bool learn, std::vector<CloneRun>& runs);
  [[nodiscard]] static bool found_without_index(const std::vector<CloneRun>& runs);
  void count(const std::vector<CloneRun>& runs, std::uint32_t volume, std::uint64_t index);

  std::uint64_t block_bytes_;
  ClonePosition start_;
  std::vector<Known> base_;
  std::vector<Known> volumes_;
  OwnerTable owners_;
  // Ranges by the blocks that they consist of, but for those that their owners tell of.
  std::unordered_map<Hash128, Place, KeyHash> ranges_;
  // Of the receiver, by hash and length.
  std::map<std::pair<std::array<std::uint8_t, 16>, std::uint64_t>, HashedRange> hashed_;
  std::uint32_t hashed_volumes_ = 0;
  std::uint32_t telling_ = 0;  // number of the volume
  std::optional<Walk> told_;
  std::uint64_t data_bytes_ = 0;
  std::uint64_t data_from_start_ = 0;
  std::uint64_t shared_from_start_ = 0;
};

// Adds a run to those before it: one that goes on where the last one ends makes that one longer.
void append_run(std::vector<CloneRun>& runs, const CloneRun& run);

}  // namespace lastword
