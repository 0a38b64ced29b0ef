// The closer look at disks that may become candidates for a dump: does the disk answer, and does
// its data region hold a file system? Read-only, all disks at once.
#pragma once

#include <vector>

#include "agent/protocol/disk_view.h"
#include "agent/protocol/examination.h"
#include "proto/timing.h"

namespace lastword {

// One element for each disk of the survey. Only `disks` (labelled; indices into the survey) are
// touched. A disk that does not answer within two I/O time-outs is not ready.
[[nodiscard]] std::vector<Examination> examine_disks(const Survey& survey,
                                                     const std::vector<std::size_t>& disks,
                                                     milliseconds io_timeout);

}  // namespace lastword
