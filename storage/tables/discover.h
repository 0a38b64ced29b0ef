// Where lastword's partitions are on a disk. Apart from disk.h because it needs libblkid, which the
// dump writer does without: its plan names the offsets.
#pragma once

#include <string>
#include <vector>

#include "proto/error.h"
#include "storage/reserve/disk.h"

namespace lastword {

struct Partition {
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;
};

// lastword's metadata partition on a disk or image, from its GPT. (The kernel's idea of the
// partitions is stale where the partner wrote the GPT.) Where one copy lies on a bad spot of the
// medium, the other one counts. kNotFound: the disk is not labelled, for it has no GPT in either
// copy, or a GPT without metadata partition; or there is no such path. kCorrupt: there are several
// metadata partitions, or the one there is misaligned, too small, or beyond the disk's end.
// Otherwise the disk could not be opened or read.
[[nodiscard]] Result<Partition> find_metadata_partition(const std::string& path);
// The same on a device that is open already.
[[nodiscard]] Result<Partition> find_metadata_partition(BlockDevice& device);

// Every partition of a disk's GPT, in the order of its entries. kNotFound: no GPT in either copy.
// Otherwise the disk could not be read.
[[nodiscard]] Result<std::vector<Partition>> list_partitions(BlockDevice& device);

}  // namespace lastword
