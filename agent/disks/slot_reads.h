// Reads slots of records of many disks at once (proto/layout.h: two slots for each record).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "agent/disks/resting_disks.h"
#include "agent/disks/shelf.h"
#include "proto/layout.h"
#include "storage/block/aligned_buffer.h"

namespace lastword {

struct SlotRead {
  std::shared_ptr<OpenDisk> disk;
  std::uint64_t metadata_offset = 0;
  // The blocks of slot 0, then those of slot 1. Kept until the kernel has answered.
  std::shared_ptr<AlignedBuffer> buffer;
  std::optional<unsigned> only = {};  // this slot, whose blocks alone are in the buffer; else both
  Status status = {};  // of all that was read; kTimeout outweighs what the other slot says
  // A block lies on a bad spot of the medium: it counts as damaged, and the others have been read.
  bool bad_spot = false;
};

// `blocks`: records that lie side by side from `first` on, one block each. The buffers have
// 2 * blocks, or with `only` as many as `blocks`. Returns after `timeout` at the latest, and up to
// kPatienceBeside for each of up to three batches, where disks are being taken (disk_turn.h). Of a
// disk that hung before it waits for no longer than kPollInterval: one that has healed answers by
// then. Disks with a bad spot are read again, block by block, in what is left of `timeout`, and for
// kPollInterval at least. A disk that hangs now is open in `resting`, as asked when this was
// called, until the kernel answers.
void read_slots(Shelf& shelf, Executor& executor, const std::shared_ptr<RestingDisks>& resting,
                std::vector<SlotRead>& reads, RecordPlace first, std::size_t blocks,
                milliseconds timeout);

}  // namespace lastword
