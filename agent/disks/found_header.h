// The coredump header of a disk; where its record cannot be read, what stands in for it.
#pragma once

#include <cstdint>
#include <string>

#include "proto/disk.pb.h"
#include "proto/error.h"
#include "proto/record.h"
#include "storage/block/block_device.h"

namespace lastword {

struct FoundHeader {
  pb::CoredumpHeader header;
  PairChoice at;        // where the next one is written; in place of a bad one too
  std::string problem;  // of the record, for which the header stands in; empty: it is the record
};

// Where the record is damaged, or does not parse: put together from the label and from the stream
// in its data region, whose first section that can be recognized tells the crash id. It is of the
// home node's last life there, and IN_PROGRESS, because nothing tells that its writer is over; its
// figures are unknown.
//
// Errors are those of the record: kNotFound: never written; kFutureVersion; kCorrupt: and no
// section where a dump begins.
[[nodiscard]] Result<FoundHeader> find_header(BlockDevice& device, std::uint64_t metadata_offset);

// The dump whose sections are in the data region, whatever the record says: of a disk that was
// armed over it. ABORTED, of a life that is not known; its figures are not either. Only for
// reading, as a new dump may begin at any time. kNotFound: no section where a dump begins.
[[nodiscard]] Result<pb::CoredumpHeader> find_header_by_stream(BlockDevice& device,
                                                               std::uint64_t metadata_offset);

}  // namespace lastword
