// What a disk holds and who uses it: every signature that libblkid knows, its partition table, and
// the mounts, holders and swap areas of the running system. Read-only, but for wipe_signatures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/error.h"
#include "storage/block/file_descriptor.h"
#include "storage/tables/discover.h"
#include "storage/tables/disk_parts.h"
#include "storage/tables/partition_table.h"

namespace lastword {

// Opens for libblkid and libfdisk, which both read through the page cache: drops first what the
// cache kept from before the partner last wrote. For writing, a disk is opened O_EXCL. kRefused: it
// is in use. Otherwise what code_of_errno() makes of the errno.
[[nodiscard]] Result<FileDescriptor> open_for_tables(const std::string& path, Access access);

struct Signature {
  std::string type;                // as blkid(8) names it: "ext4", "LVM2_member", "gpt"
  std::string usage;               // "filesystem", "raid", "crypto", "other"; "table" for a
                                   // partition table
  std::string label;               // the file system's own name; may be empty
  std::uint64_t offset_bytes = 0;  // of its magic, from the start of the disk
};
// "ext4 file system \"home\" at byte 1080"
[[nodiscard]] std::string describe(const Signature& signature);

// All signatures, of superblocks and partition tables, damaged ones too, that a reader finds who
// takes `region` for a disk or partition. `fd` is open for reading. kIo: the region cannot be read.
[[nodiscard]] Result<std::vector<Signature>> find_signatures(int fd, std::string_view disk,
                                                             const Partition& region);

// Overwrites the magic of each signature. `fd` is open for writing. Durable when this returns
// without an error. kIo: the region cannot be read or written, or the device ignores writes; what
// was wiped by then stays wiped.
[[nodiscard]] Status wipe_signatures(int fd, std::string_view disk, const Partition& region);

struct FoundTable {
  std::string type;  // "gpt", "dos", ...
  std::vector<TablePartition> partitions;
};
// From either copy of a GPT, however damaged the other. Empty: no table of any kind, or none that
// can be parsed. kIo: the disk cannot be read.
[[nodiscard]] Result<std::optional<FoundTable>> find_table(int fd, std::string_view disk,
                                                           std::uint64_t size_bytes);

// Somebody has the disk or one of its partitions for himself alone (O_EXCL), as each file system,
// md, dm, swap space and most SCSI targets have theirs, a mount of another mount namespace too: the
// tables of the kernel do not show all of them. Nobody else can have it so while this looks. False
// of an image file. Others have a disk for a moment: mdadm and multipath when udev asks them, or
// another look. What code_of_errno() makes of the errno: the disk cannot be opened.
[[nodiscard]] Result<bool> is_claimed(const std::string& path);

// Who uses the disk or one of its partitions now, each as a phrase: "/dev/sdc1 is mounted on /srv",
// "held by dm-3", "/dev/sdc2 is swap space". Of an image file: the loop devices that it backs. kIo:
// the disk cannot be opened.
[[nodiscard]] Result<std::vector<std::string>> find_uses(const std::string& path);

// The part of find_uses that reads the kernel's tables. `device` is "major:minor" of a whole disk;
// `root` is prefixed to /sys and /proc (tests put a tree of their own there). A table that cannot
// be read tells of no use.
[[nodiscard]] std::vector<std::string> find_kernel_uses(const std::string& device,
                                                        const std::string& root);
// The same of several disks, with one look at each table. `parts`: of parts_of().
struct KernelUse {
  std::string device;  // "major:minor" of the disk or partition
  std::string what;    // "sdc1 is mounted on /srv"
};
[[nodiscard]] std::vector<KernelUse> find_kernel_uses(const std::vector<DiskPart>& parts,
                                                      const std::string& root);

}  // namespace lastword
