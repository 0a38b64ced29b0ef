// The coredump header of a dump whose record cannot be read.
#pragma once

#include <optional>

#include "proto/disk.pb.h"
#include "storage/block/block_device.h"

namespace lastword {

// From the label, and from the stream in its data region, whose first section that can be
// recognized tells the crash id. IN_PROGRESS, because nothing tells that its writer is over. None:
// no section where a dump begins.
[[nodiscard]] std::optional<pb::CoredumpHeader> header_of_stream(BlockDevice& device,
                                                                 const pb::Label& label);

}  // namespace lastword
