// Who shares how much with whom. Pure: from block maps to figures.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/transfer/block_map.h"

namespace lastword {

struct ListedVolume {
  std::int64_t born_ns = 0;  // clones are younger than what they were made of
  std::vector<Mapping> mappings;
};

struct SharingOf {
  std::uint64_t mapped = 0;                                   // bytes, each mapping counted
  std::uint64_t own = 0;                                      // in no other volume
  std::vector<std::pair<std::size_t, std::uint64_t>> shared;  // other volume, bytes; most first
  // The older one that most is shared with; of equal ones the youngest. Itself: none.
  std::size_t parent = 0;
};

struct Sharing {
  std::vector<SharingOf> volumes;
  std::uint64_t distinct_bytes = 0;
};

// `mapped` and `distinct_bytes` count blocks that take space, written or not.
[[nodiscard]] Sharing plan_list(std::span<const ListedVolume> volumes);

}  // namespace lastword
