// This machine's page cache of a disk that another node wrote. Whoever takes such a disk into
// service drops what the cache kept from before, or reads old content and old partitions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "proto/disk_info.h"
#include "proto/error.h"
#include "storage/tables/disk_parts.h"

namespace lastword {

// Drops the buffers of the disk and of each partition (BLKFLSBUF), lets the kernel read the
// partition table again where its partitions differ from the GPT (BLKRRPART), and compares what a
// buffered and a direct read return at the beginning of each. Goes on after an error, and returns
// the first. Takes up to a second where a partition is in use. Opens for reading only. Pages that a
// program has mapped stay: see find_openers(). kRefused: the partitions differ, and cannot be read
// again while one is in use. kCorrupt: a buffered read still returns other content.
[[nodiscard]] Status drop_stale_cache(const DiskInfo& disk);

// What became of what this node's page cache had changed of a disk.
enum class CacheChanges : std::uint8_t {
  kNone,     // there was nothing to write
  kRefused,  // the target refused it, and it is gone
  kWritten,  // it is on the disk
};

// Before this node registers on a disk of the service: makes the kernel write what this node's page
// cache has changed of it, of its partitions and of file systems on them (BLKFLSBUF), so that the
// target refuses it, as the partner still holds the disk. drop_stale_cache() would write it too,
// but on what the partner has written. Costs little where nothing is cached. A program that goes on
// writing is not stopped by this.
//
// Where nobody holds the disk, or this node is registered, it is written: nothing drops changed
// pages without writing them, the kernel writes them by itself within half a minute, and the target
// refuses nothing to the node that holds the disk. Sooner is better then, because what the partner
// writes afterwards stays.
[[nodiscard]] CacheChanges write_back_early(const DiskInfo& disk);

// What uses these disks or partitions of them, besides lastword, this process or another: by the
// disk's path, each as
// "NAME (PID)", "sdb1 is mounted on /srv", "sdb1 is swap space in use" or "sdb1 is held by dm-3
// (NAME)". Mounts are those of this process's namespace. A disk without any is left out. One walk
// through /proc for all. `root` is prefixed to /sys and /proc (tests put a tree of their own
// there).
using Openers = std::map<std::string, std::vector<std::string>>;
[[nodiscard]] Openers find_openers(const std::vector<std::string>& disks,
                                   const std::string& root = "");
// The same of disks whose parts are known: by the disk's path, those of parts_of().
[[nodiscard]] Openers find_openers(const std::map<std::string, std::vector<DiskPart>>& disks,
                                   const std::string& root);

}  // namespace lastword
