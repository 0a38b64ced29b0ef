// Whether a service has ended, as far as its disks tell.
#pragma once

#include <string>
#include <vector>

#include "agent/base/executor.h"
#include "agent/disks/shelf.h"
#include "agent/protocol/config.h"
#include "agent/protocol/disk_view.h"

namespace lastword {

// What uses these disks on this machine, as find_openers() has it, and where that knows nobody, who
// has a disk for himself: for people. Empty: nothing. Gives udev, and what ends by itself, some
// seconds. A disk that does not answer within `io_timeout`, or cannot be opened, counts as used.
[[nodiscard]] std::string what_uses(Shelf& shelf, Executor& executor,
                                    const std::vector<std::string>& paths, milliseconds io_timeout);
// Writes back what this machine's page cache has of these disks (indices into the survey), then
// what the target's cache has, whoever wrote it. The first error.
[[nodiscard]] Status write_back(const Survey& survey, const std::vector<std::size_t>& disks,
                                const Config& config, Shelf& shelf, Executor& executor);

}  // namespace lastword
