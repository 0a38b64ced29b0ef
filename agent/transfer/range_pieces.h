// A volume's block map, range by range: of a map of any length only some mappings are in memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/transfer/block_map.h"
#include "agent/transfer/range_hash.h"

namespace lastword {

struct VolumeMap {
  BlockMap* blocks = nullptr;
  std::string volume;
  std::uint64_t size = 0;  // bytes
};

struct RangeOfBlocks {
  std::uint64_t index = 0;
  // Written mappings, offsets counted from the range's begin; neighbours that could be one are one.
  std::vector<Mapping> pieces;
  Hash128 key;  // the same for ranges of one length with the same pieces, and for no others
};

class RangePieces {
 public:
  RangePieces(VolumeMap volume, std::uint64_t block_bytes)
      : volume_(std::move(volume)), block_bytes_(block_bytes) {}

  // The first one, and so on, range_count() of them. kCorrupt: the map runs backwards or over the
  // end of numbers, or does not fit the blocks.
  [[nodiscard]] Result<RangeOfBlocks> next();
  // Of all pieces so far: another one where a block was moved.
  [[nodiscard]] const Hash128& digest() const { return digest_; }

 private:
  [[nodiscard]] Status fetch();

  VolumeMap volume_;
  std::uint64_t block_bytes_;
  std::uint64_t index_ = 0;
  std::vector<Mapping> some_;
  std::size_t next_ = 0;       // of those
  std::uint64_t fetched_ = 0;  // bytes of the volume whose mappings are known
  bool last_ = false;
  Hash128 digest_{};
};

}  // namespace lastword
