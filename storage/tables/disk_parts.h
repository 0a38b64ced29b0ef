// A disk and its partitions, as sysfs shows them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lastword {

struct DiskPart {
  std::string device;  // "8:33"
  std::string name;    // "sdc1"
  std::filesystem::path sysfs;
};
// The disk first. `device` is "major:minor" of the disk; `root` is prefixed to /sys.
[[nodiscard]] std::vector<DiskPart> parts_of(const std::string& device, const std::string& root);

// "major:minor" of a device node; empty for anything else.
[[nodiscard]] std::string device_of(const std::string& node);

// Whole disks that a device lies on, through partitions and whatever lies between (dm, md), as
// "/dev/sda", sorted. `device` is "major:minor". One that sysfs does not know lies on none, and so
// does what lies on a file (a loop device).
[[nodiscard]] std::vector<std::string> disks_below(const std::string& device,
                                                   const std::string& root = {});

}  // namespace lastword
