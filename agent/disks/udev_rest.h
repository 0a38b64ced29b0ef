// Whether udev has done with this machine's disks: that their partitions are there, and the links
// to them.
//
// udev takes a disk's partitions away for a moment where it reads the table again, and makes links
// such as /dev/disk/by-id only after the kernel has told of a partition. Whoever mounts one by name
// waits for that.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proto/error.h"
#include "proto/timing.h"

namespace lastword {

// Where udev is looked for. Tests put a tree and a program of their own there.
struct UdevPlace {
  std::string root;  // prefixed to /run and /sys
  std::string udevadm = "udevadm";
  milliseconds patience = kUdevSettle;
};

// How many events the kernel has told udev of, of all devices.
[[nodiscard]] std::uint64_t count_uevents(const UdevPlace& place = {});

// Returns at once where no udev runs, and where udev has nothing to do and the kernel has not told
// of anything since `uevents_before`. Otherwise waits until udev is at rest, by `udevadm settle`:
// it asks the daemon itself, which may have read an event and not yet have shown that it is at work
// (/run/udev/queue). Then looks whether each disk's partitions are there.
//
// kTimeout: udev is still at work after `patience`. kNotFound: a partition of the table is not
// there.
[[nodiscard]] Status wait_for_partitions(const std::vector<std::string>& disks,
                                         std::uint64_t uevents_before, const UdevPlace& place = {});

}  // namespace lastword
