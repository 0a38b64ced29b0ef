// Finds the plan's candidates among the disks of the capture kernel, while they appear. Names like
// /dev/sdc mean nothing across a boot: a candidate is the disk whose label, where the plan says
// that it is, has the planned disk UUID.
// Before the first byte: allocates.
#pragma once

#include <chrono>
#include <vector>

#include "proto/error.h"
#include "proto/plan.pb.h"
#include "storage/reserve/disk.h"

namespace lastword {

// In the order of plan.candidates(): open for reading and writing, or why not. Nothing was written;
// only matching disks were opened for writing. A disk that hangs delays no other: each is looked at
// on a thread of its own, which is left behind if it does not return. Of two disks with one UUID it
// is the one that the plan's key holds; where no candidate is held, the search takes the whole
// time.
[[nodiscard]] std::vector<Result<OpenDisk>> find_candidates(const pb::Plan& plan);

}  // namespace lastword
