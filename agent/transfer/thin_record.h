// What is kept of a snapshot beside its thin volumes, in a small one of its own:
//
//   two slots of equal length, each a header of 4096 bytes and a CloneThinRecord
//
// The first is written before the snapshot is seen. When hashes become known the second one is
// written, and counts from then on; it may be written again. Where it was cut, the first one
// counts.
#pragma once

#include <string>

#include "agent/transfer/clone.pb.h"
#include "agent/transfer/thin_file.h"

namespace lastword {

enum class RecordSlot : std::uint8_t { kFirst, kSecond };

// Bytes of a volume with room for both slots, whatever is known later of the snapshot.
[[nodiscard]] std::uint64_t record_bytes(const pb::CloneSnapshot& snapshot);
// `size`: of the volume.
[[nodiscard]] Status write_record(ThinFile& file, std::uint64_t size, RecordSlot slot,
                                  const pb::CloneThinRecord& record);
// kCorrupt: there is none, or it is not the record of a snapshot.
[[nodiscard]] Result<pb::CloneThinRecord> read_record(const ThinFile& file, std::uint64_t size);

}  // namespace lastword
