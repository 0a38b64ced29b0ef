// Reads both slots of records of many disks at once (proto/layout.h: two slots for each record).
#pragma once

#include <memory>
#include <vector>

#include "agent/disks/shelf.h"
#include "proto/layout.h"
#include "storage/block/aligned_buffer.h"

namespace lastword {

struct SlotRead {
  std::shared_ptr<OpenDisk> disk;
  std::uint64_t metadata_offset = 0;
  AlignedBuffer buffer;  // the blocks of slot 0, then those of slot 1
  // Of both slots. kTimeout outweighs what the other slot says: the kernel may still write into the
  // buffer, which must then stay allocated for good.
  Status status = {};
};

// `blocks`: records that lie side by side from `first` on, one block each. The buffers have
// 2 * blocks. Returns after `timeout` at the latest.
void read_slots(Shelf& shelf, std::vector<SlotRead>& reads, RecordPlace first, std::size_t blocks,
                milliseconds timeout);

}  // namespace lastword
