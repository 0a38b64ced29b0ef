// Reads and writes a disk's records through a BlockDevice: both slots, the valid newer one wins,
// the other one is written next, and every write is flushed.
#pragma once

#include "proto/record.h"
#include "storage/block/aligned_buffer.h"
#include "storage/block/block_device.h"

namespace lastword {

// A disk's metadata partition: where its records are. One thread at a time.
class RecordIo {
 public:
  // `device` must outlive this. `metadata_offset` is the partition's first byte on the disk.
  RecordIo(BlockDevice& device, std::uint64_t metadata_offset);

  // On error the message's content is unspecified. kNotFound: never written. A slot on a bad spot
  // of the medium counts as damaged; any other read error says nothing about the content, and is
  // returned.
  [[nodiscard]] Result<PairChoice> read(RecordPlace place, google::protobuf::MessageLite& message);

  // Writes the slot that `at` names (from the last read of this place) and flushes. On an error the
  // other slot is untouched: where `at` does not name the current one, the record reads as either
  // the old or the new one. Returns the choice for the next write. Allocates nothing.
  [[nodiscard]] Result<PairChoice> write(RecordPlace place, const PairChoice& at,
                                         const google::protobuf::MessageLite& message);

  // Reads, then writes; starts a new record where there is none. kFutureVersion and read errors
  // write nothing, and neither does a damaged pair (kCorrupt; a torn first write leaves one too).
  [[nodiscard]] Status put(RecordPlace place, const google::protobuf::MessageLite& message);

  // Likewise in both slots, one after the other: a write that an earlier boot of this node had sent
  // may be executed late, over the slot that was to be next when it was sent. For a record that
  // nothing repeats.
  [[nodiscard]] Result<PairChoice> write_both(RecordPlace place, const PairChoice& at,
                                              const google::protobuf::MessageLite& message);
  [[nodiscard]] Status put_both(RecordPlace place, const google::protobuf::MessageLite& message);

  // One raw slot block, for `lastword inspect`. Valid until the next call.
  [[nodiscard]] Result<BlockView> read_slot(RecordPlace place, unsigned slot);

 private:
  [[nodiscard]] Result<PairChoice> place_of_next(RecordPlace place,
                                                 const google::protobuf::MessageLite& message);
  [[nodiscard]] Error with_place(Error error, RecordPlace place, unsigned slot) const;

  BlockDevice& device_;
  std::uint64_t metadata_offset_;
  AlignedBuffer buffer_{3 * kBlockBytes};  // slot 0, slot 1, the one being written
};

}  // namespace lastword
