// The same work on several of this node's disks at once, each open for writing.
#pragma once

#include <functional>
#include <vector>

#include "agent/base/executor.h"
#include "agent/disks/own_disk.h"
#include "agent/disks/shelf.h"
#include "agent/protocol/disk_view.h"

namespace lastword {

// The work on one disk. It has a thread of its own. When the disk hangs, that thread stays in the
// kernel and the caller goes on, so the work holds all that it needs by value. `position` is the
// disk's place in `disks`.
using DiskWork =
    std::function<Result<pb::CoredumpHeader>(const OwnDisk& disk, std::size_t position)>;

// One result for each element of `disks` (indices into the survey), in that order. A disk that is
// not done after a few I/O time-outs, and `longer`, is kTimeout; what was sent to it may still be
// executed.
[[nodiscard]] std::vector<Result<pb::CoredumpHeader>> work_on_disks(
    const Survey& survey, const std::vector<std::size_t>& disks, milliseconds io_timeout,
    const DiskWork& work, Shelf& shelf = real_shelf(), Executor& executor = real_executor(),
    milliseconds longer = milliseconds(0));

}  // namespace lastword
