// This machine's page cache of a disk that another node wrote. Whoever takes such a disk into
// service drops what the cache kept from before, or reads old content and old partitions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "proto/disk_info.h"
#include "proto/error.h"

namespace lastword {

// Drops the buffers of the disk and of each partition (BLKFLSBUF), lets the kernel read the
// partition table again where its partitions differ from the GPT (BLKRRPART), and compares what a
// buffered and a direct read return at the beginning of each. Goes on after an error, and returns
// the first. Takes up to a second where a partition is in use. Opens for reading only. Pages that a
// program has mapped stay: see find_openers(). kRefused: the partitions differ, and cannot be read
// again while one is in use. kCorrupt: a buffered read still returns other content.
[[nodiscard]] Status drop_stale_cache(const DiskInfo& disk);

// Which programs, besides this one, have these disks or partitions of them open: by the disk's
// path, each as "NAME (PID)". A disk without any is left out. One walk through /proc for all.
// `root` is prefixed to /sys and /proc (tests put a tree of their own there).
[[nodiscard]] std::map<std::string, std::vector<std::string>> find_openers(
    const std::vector<std::string>& disks, const std::string& root = "");

}  // namespace lastword
