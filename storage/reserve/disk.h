// Which disks there are, and opening one. Read-only but for open_disk(kReadWrite): nothing else
// opens a disk for writing (closing such a descriptor starts udev's probing).
#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proto/disk_info.h"
#include "proto/error.h"
#include "storage/block/disk_turn.h"
#include "storage/block/linux_block_device.h"
#include "storage/reserve/scsi_lun.h"

namespace lastword {

// Where the kernel shows its devices; tests show others.
struct SystemRoots {
  std::string sys = "/sys";
  std::string dev = "/dev";
};

// Every SCSI disk of this machine (sysfs: peripheral device type 0) that has a medium, by name: sda
// ... sdz, sdaa. Disks whose path is among `known` are left out and not looked at. An attribute
// that cannot be read counts as empty. Error: /sys/block cannot be listed; what code_of_errno()
// makes of the errno.
[[nodiscard]] Result<std::vector<DiskInfo>> list_scsi_disks(
    const SystemRoots& roots = {}, const std::set<std::string>& known = {});
// One SCSI disk or image by path, which may be a link as in /dev/disk/by-id. kNotFound: no such
// path. kRefused: it has no reservations, as a partition or another block device. Otherwise what
// code_of_errno() makes of the errno.
[[nodiscard]] Result<DiskInfo> stat_disk(const std::string& path, const SystemRoots& roots = {});

// The loop devices that an image file backs, "loop0": whoever uses one of them uses the image.
// Linux drivers/block/loop.c, attribute backing_file. A device whose attribute cannot be read is
// left out.
[[nodiscard]] std::vector<std::string> loop_devices_on(const std::string& image,
                                                       const SystemRoots& roots = {});

// A disk open for use. `lun` is null for an image.
struct OpenDisk {
  DiskInfo info;
  std::unique_ptr<BlockDevice> device;
  std::unique_ptr<ScsiLun> lun;
  int fd = -1;  // of `device`, for write engines and read_batch; valid as long as it
  // For who reads by `fd`; `device` and `lun` use it themselves. Null for an image.
  std::shared_ptr<DiskTurn> turn = nullptr;
};
// O_DIRECT. `io_timeout` bounds every SCSI command sent through `lun`. Errors are those of
// stat_disk(), LinuxBlockDevice::open() and SgLun::open(); nothing stays open then. May hang on a
// sick disk.
[[nodiscard]] Result<OpenDisk> open_disk(const std::string& path, Access access,
                                         std::chrono::milliseconds io_timeout);
// The same with what list_scsi_disks or stat_disk has just told.
[[nodiscard]] Result<OpenDisk> open_disk(const DiskInfo& info, Access access,
                                         std::chrono::milliseconds io_timeout);
// Like open_disk() for writing, but closing it makes no event that udev would act on: for a disk
// that may be in service. `fd` is open for reading only. An image is opened as ever.
[[nodiscard]] Result<OpenDisk> open_disk_quietly(const DiskInfo& info,
                                                 std::chrono::milliseconds io_timeout);

}  // namespace lastword
