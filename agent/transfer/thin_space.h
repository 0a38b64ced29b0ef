// What a stream takes of a thin pool, and what has to stay free there. Pure.
#pragma once

#include <cstdint>

#include "agent/transfer/clone.pb.h"
#include "agent/transfer/lvm_pool.h"
#include "agent/transfer/thin_pool.h"

namespace lastword {

[[nodiscard]] constexpr std::uint64_t rounded_up(std::uint64_t bytes, std::uint64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

struct ThinCost {
  bool shares = false;      // as the sender does
  std::uint64_t bytes = 0;  // at most
};
[[nodiscard]] ThinCost cost_of(const pb::CloneStreamHead& head, std::uint64_t block_bytes);

// kNoSpace: the pool would have less than 2 percent of its data free, or be nearly full of metadata
// (check_metadata()), with `bytes` more in so many volumes, each of them staged and then kept. No
// bytes: has it come to that, whoever filled it?
[[nodiscard]] Status check_thin_space(const ThinPoolUse& use, const LvmPool& pool,
                                      std::uint64_t bytes, std::uint64_t volumes);

// Blocks of metadata that snapshots of so many volumes, and their record, take at most, before
// anything is written to the volumes.
[[nodiscard]] constexpr std::uint64_t metadata_of_snapshots(std::uint64_t volumes) {
  // Each has an entry in two trees, whose paths are copied.
  constexpr std::uint64_t kOfEach = 2;
  constexpr std::uint64_t kPaths = 16;
  return kOfEach * volumes + kPaths;
}

}  // namespace lastword
