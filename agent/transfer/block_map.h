// The seam between clones and what stores them: which blocks a volume consists of. Volumes that
// share a block say so by its physical identity, and by nothing else: names tell nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proto/error.h"

namespace lastword {

// Bytes [offset, offset + length) of a volume are the blocks at [physical, physical + length) of
// the pool. Two mappings of one pool with physical bytes in common have them in common for good as
// long as neither volume is written.
struct Mapping {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t physical = 0;
  std::uint32_t age = 0;  // of two blocks the younger one has more; 0 where the pool cannot tell
  bool written = true;    // false: takes space but reads as zeros
  bool operator==(const Mapping&) const = default;
};

class BlockMap {
 public:
  virtual ~BlockMap() = default;
  // Of one volume the mappings that end behind byte `from`, as many as is convenient, the first one
  // perhaps cut at `from`; none: there are no more. Ascending, without overlap, inside its size
  // rounded up to blocks. What no mapping tells of is a hole. kUnsupported: the pool stores
  // something that has no identity (compressed, inline, on another device). kIo: it cannot be
  // asked.
  [[nodiscard]] virtual Result<std::vector<Mapping>> some(const std::string& volume,
                                                          std::uint64_t from) = 0;
  // All of them, neighbours that could be one as one.
  [[nodiscard]] Result<std::vector<Mapping>> map(const std::string& volume);
};

}  // namespace lastword
