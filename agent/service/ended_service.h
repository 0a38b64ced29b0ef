// Whether a service has ended, as far as its disks tell.
#pragma once

#include <string>
#include <vector>

#include "agent/base/executor.h"
#include "agent/disks/shelf.h"
#include "agent/protocol/config.h"
#include "agent/protocol/disk_view.h"

namespace lastword {

// What uses these disks on this machine, as find_openers() has it: for people. Empty:
// nothing. Gives udev some seconds.
[[nodiscard]] std::string what_uses(Shelf& shelf, Executor& executor,
                                    const std::vector<std::string>& paths);
// Writes back what this machine's page cache and the target's cache have of these disks (indices
// into the survey). The first error.
[[nodiscard]] Status write_back(const Survey& survey, const std::vector<std::size_t>& disks,
                                const Config& config, Shelf& shelf, Executor& executor);

}  // namespace lastword
