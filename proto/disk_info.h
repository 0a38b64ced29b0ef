// How one node sees a disk from outside, before it has read a byte of it.
#pragma once

#include <cstdint>
#include <string>

namespace lastword {

// What the kernel says of a disk, from /sys/block.
struct DiskInfo {
  std::string path;         // "/dev/sdc", or an image file's path; on the other node another one
  std::string description;  // vendor, model, serial; for people
  std::uint64_t size_bytes = 0;
  bool is_image = false;  // a regular file: no SCSI commands, no reservations
};

}  // namespace lastword
