// Has the partner failed? A panicked node says so itself, in the coredump header of the disk that
// it dumps to; the network has no part in it.
#pragma once

#include <vector>

#include "agent/protocol/disk_view.h"

namespace lastword {

// The partner has panicked in its current life, `latest` (latest_generation): the header of this
// disk of its own says so. A disk that its `start` could not take may tell of an earlier one.
[[nodiscard]] bool has_panicked(const DiskView& disk, const Config& config, std::uint32_t latest);
// This node took some of these disks of the partner, and did not finish; or it did, and has been
// rebooted since, so that it holds them by the key of a boot that is over.
[[nodiscard]] bool was_interrupted(const std::vector<DiskView>& disks, const Config& config,
                                   ReservationKey own);

}  // namespace lastword
