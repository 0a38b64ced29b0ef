// Which disks there are, and where lastword's partitions are on them. Read-only throughout: nothing
// here opens a disk for writing (closing such a descriptor would start udev's probing).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/error.h"
#include "storage/block_device.h"
#include "storage/scsi_lun.h"

namespace lastword {

// What the kernel says of a disk, from /sys/block.
struct DiskInfo {
  std::string path;         // "/dev/sdc", or an image file's path
  std::string description;  // vendor, model, serial; for people
  std::uint64_t size_bytes = 0;
  bool is_image = false;  // a regular file: no SCSI commands, no reservations
};

struct Partition {
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;
};

// Every SCSI disk of this machine (sysfs: type 0 devices of the SCSI bus), by name.
[[nodiscard]] Result<std::vector<DiskInfo>> list_scsi_disks();
// One disk or image by path.
[[nodiscard]] Result<DiskInfo> stat_disk(const std::string& path);

// lastword's metadata partition on a disk, from its GPT (not from the kernel's idea of it, which is
// stale where the partner wrote the GPT). kNotFound: not labelled.
[[nodiscard]] Result<Partition> find_metadata_partition(const std::string& path);

// A disk open for use. `lun` is null for an image.
struct OpenDisk {
  DiskInfo info;
  std::unique_ptr<BlockDevice> device;
  std::unique_ptr<ScsiLun> lun;
  int fd = -1;  // the device's, open O_DIRECT, for batch reads and write engines; closed with it
};
enum class Access : bool { kReadOnly, kReadWrite };
// O_DIRECT. `io_timeout` bounds every SCSI command sent through `lun`.
[[nodiscard]] Result<OpenDisk> open_disk(const std::string& path, Access access,
                                         std::chrono::milliseconds io_timeout);

}  // namespace lastword
