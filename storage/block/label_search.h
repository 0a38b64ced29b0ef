// Where a disk's records are, without its partition table: by the label that lies there.
#pragma once

#include <cstdint>
#include <optional>

#include "proto/error.h"
#include "storage/block/block_device.h"

namespace google::protobuf {
class MessageLite;
}

namespace lastword {

// Reads the label into `label` (a pb::Label) and returns the metadata's offset, as in RecordIo: it
// is `offset`, a multiple of kBlockBytes, or without one the first of kUsualMetadataOffsets that
// has a label.
//
// Errors with `offset`: kNotFound, there is no label; otherwise why it cannot be read. Errors
// without: kFutureVersion, a newer lastword wrote a label in one of the places; otherwise
// kNotFound, also where a place could not be read or is damaged.
[[nodiscard]] Result<std::uint64_t> find_label(BlockDevice& device,
                                               std::optional<std::uint64_t> offset,
                                               google::protobuf::MessageLite& label);

}  // namespace lastword
