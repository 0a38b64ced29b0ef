// Everything that one disk says, read without judging and without writing.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/records/inspect.pb.h"
#include "proto/error.h"
#include "storage/reserve/disk.h"

namespace lastword {

// Sections of a dump that are looked at; verifying all is the work of `lastword recover`.
inline constexpr std::size_t kInspectedSections = 8;

// Errors: the disk cannot be opened, or cannot be read where its partition table and its records
// begin. Everything else that is wrong is in the report. The records are where find_metadata()
// finds them.
[[nodiscard]] Result<pb::InspectReport> inspect_disk(const std::string& path,
                                                     std::chrono::milliseconds io_timeout,
                                                     std::optional<std::uint64_t> metadata_offset);

// The first sections of the dump that `header` promises. Sets `problem` when one that should be
// durable is damaged.
[[nodiscard]] pb::InspectStream inspect_stream(BlockDevice& device,
                                               const pb::CoredumpHeader& header,
                                               std::string& problem);

}  // namespace lastword
