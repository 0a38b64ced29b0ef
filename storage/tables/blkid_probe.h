// Shared by the sources that call libblkid.
#pragma once

#include <blkid/blkid.h>

#include <cstdint>
#include <memory>

namespace lastword {

// libblkid counts partitions in these, whatever the sector size of the disk.
inline constexpr std::uint64_t kBlkidSectorBytes = 512;

struct FreeBlkidProbe {
  void operator()(blkid_probe probe) const { blkid_free_probe(probe); }
};
using BlkidProbe = std::unique_ptr<blkid_struct_probe, FreeBlkidProbe>;

}  // namespace lastword
