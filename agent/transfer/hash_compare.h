// Do two servers have the same in a snapshot? Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/transfer/clone.pb.h"
#include "proto/error.h"

namespace lastword {

struct DifferentRange {
  std::string volume;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
// Neighbours are one. kRefused: they are not hashes of the same volumes. Both have passed
// check_hashes().
[[nodiscard]] Result<std::vector<DifferentRange>> compare_hashes(const pb::CloneHashes& one,
                                                                 const pb::CloneHashes& other);

}  // namespace lastword
