#include "agent/transfer/thin_space.h"

#include <algorithm>

#include "agent/transfer/stream_head.h"
#include "proto/format_text.h"

namespace lastword {
namespace {

// Of a pool this share stays free: the writes of its other users.
constexpr std::uint64_t kThinReserveShare = 50;
// Of metadata: what a block and what a volume take at most. A leaf of the mapping tree has 252
// entries (drivers/md/persistent-data/dm-btree.c) and is half full at least; a snapshot copies what
// leads to what is changed in it.
constexpr std::uint64_t kMappingsOfBlock = 126;
constexpr std::uint64_t kMetadataOfVolume = 16;

}  // namespace

ThinCost cost_of(const pb::CloneStreamHead& head, std::uint64_t block_bytes) {
  const std::uint64_t theirs = share_bytes_of(head);
  ThinCost cost;
  cost.shares = head.parents_size() != 0 && theirs % block_bytes == 0;
  if (cost.shares) {
    cost.bytes = head.made_bytes();
    return cost;
  }
  // A block of the pool for each of the sender's, or all of the volumes.
  std::uint64_t all = 0;
  for (const pb::CloneVolume& volume : head.snapshot().volumes()) {
    all += rounded_up(volume.size(), block_bytes);
  }
  const std::uint64_t blocks = (head.data_bytes() + head.shared_bytes()) / theirs +
                               static_cast<std::uint64_t>(head.snapshot().volumes_size());
  const std::uint64_t unit = std::max(block_bytes, theirs);
  cost.bytes = blocks < all / unit ? blocks * unit : all;
  return cost;
}

Status check_thin_space(const ThinPoolUse& use, const LvmPool& pool, std::uint64_t bytes,
                        std::uint64_t volumes) {
  const std::uint64_t block = pool.block_bytes;
  const std::uint64_t reserve = use.data_all / kThinReserveShare;
  const std::uint64_t free = use.data_all - use.data_used;
  const std::uint64_t needed = rounded_up(bytes, block) / block;
  if (free < reserve || free - reserve < needed) {
    return fail(
        {.code = Code::kNoSpace,
         .operation = "use thin pool",
         .disk = to_string(pool.place),
         .detail = (bytes == 0 ? format_text("{} bytes have to stay free, and {} are",
                                             reserve * block, free * block)
                               : format_text("{} bytes are needed and {} to stay free, {} are free",
                                             needed * block, reserve * block, free * block))
                       .view()});
  }
  const std::uint64_t metadata =
      bytes == 0 ? 0 : needed / kMappingsOfBlock + 2 * volumes * kMetadataOfVolume;
  return check_metadata(use, whole_name(pool.place, pool.place.pool), metadata);
}

}  // namespace lastword
