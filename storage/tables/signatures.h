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
#include "storage/tables/partition_table.h"

namespace lastword {

// Open for probing and for libfdisk, which both go through the page cache: what the cache kept from
// before the partner last wrote is dropped first. For writing, a disk is opened O_EXCL; kRefused
// when somebody has it.
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

// All of them, superblocks and partition tables, damaged ones too, as seen by something that looks
// at `region` as a disk or partition of its own. `fd` is open for reading.
[[nodiscard]] Result<std::vector<Signature>> find_signatures(int fd, std::string_view disk,
                                                             const Partition& region);

// Overwrites the magic of each. `fd` is open for writing. Stops at the first error; what was wiped
// by then stays wiped. Flushed on return.
[[nodiscard]] Status wipe_signatures(int fd, std::string_view disk, const Partition& region);

struct FoundTable {
  std::string type;  // "gpt", "dos", ...
  std::vector<TablePartition> partitions;
};
// From either copy of a GPT, however damaged the other; empty: no table of any kind.
[[nodiscard]] Result<std::optional<FoundTable>> find_table(int fd, std::string_view disk,
                                                           std::uint64_t size_bytes);

// Who uses the disk or one of its partitions now, each as a phrase: "/dev/sdc1 is mounted on /srv",
// "held by dm-3", "/dev/sdc2 is swap space". Of an image file: the loop devices that it backs.
[[nodiscard]] Result<std::vector<std::string>> find_uses(const std::string& path);

// The part of find_uses that reads the kernel's tables. `device` is "major:minor" of a whole disk;
// `root` is prefixed to /sys and /proc (tests put a tree of their own there).
[[nodiscard]] std::vector<std::string> find_kernel_uses(const std::string& device,
                                                        const std::string& root);

}  // namespace lastword
