// What goes into a clone stream: which bytes of the volumes as data, and which as a reference to
// bytes that the receiver has by then. Pure: from block maps to runs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agent/transfer/block_map.h"
#include "agent/transfer/range_hash.h"
#include "proto/clone_stream.h"

namespace lastword {

struct MappedVolume {
  std::uint64_t size = 0;  // bytes
  std::vector<Mapping> mappings;
};

struct SharePlan {
  // For each volume runs from byte 0 to its size; neighbours that could be one run are one.
  std::vector<std::vector<CloneRun>> runs;
  std::uint64_t data_bytes = 0;
  std::uint64_t shared_bytes = 0;
};

// Each distinct block is data at most once, in the first volume that has it and there at its first
// place, and never where a volume of `base` has it. A range (kRangeBytes) that consists of just the
// blocks of one range of the base, or of an earlier volume, is shared as a whole: nobody has to
// read or to hash it again. Sharing begins and ends at multiples of
// `block_bytes`, and so does every mapping; the odd end of a volume is data.
// kCorrupt: a map runs backwards or over the end of numbers, or does not fit the blocks.
[[nodiscard]] Result<SharePlan> plan_sharing(std::span<const MappedVolume> base,
                                             std::span<const MappedVolume> volumes,
                                             std::uint64_t block_bytes);

// The same where the receiver's volumes, the base, are known by their hashes alone: a range whose
// hash and length one of theirs has is taken from there. `tables` are those of `volumes`.
[[nodiscard]] Result<SharePlan> plan_by_hashes(std::span<const std::uint64_t> base_sizes,
                                               std::span<const RangeTable> base_tables,
                                               std::span<const MappedVolume> volumes,
                                               std::span<const RangeTable> tables,
                                               std::uint64_t block_bytes);

// Adds a run to those before it: one that goes on where the last one ends makes that one longer.
void append_run(std::vector<CloneRun>& runs, const CloneRun& run);

}  // namespace lastword
