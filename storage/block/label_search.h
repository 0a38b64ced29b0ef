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
// has a label. kNotFound: there is none. Else, with `offset`, why it cannot be read; without, only
// kFutureVersion.
[[nodiscard]] Result<std::uint64_t> find_label(BlockDevice& device,
                                               std::optional<std::uint64_t> offset,
                                               google::protobuf::MessageLite& label);

}  // namespace lastword
