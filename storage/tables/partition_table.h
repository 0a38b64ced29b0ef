// Writing lastword's partitions into a disk's GPT, by libfdisk: on a disk of lastword's own, or
// beside the partitions that are there already. plan_*() decide where they go and are pure; the
// writers only carry that out.
//
// Works on block devices and on image files. Nothing here checks what the disk holds: see
// storage/tables/signatures.h.
//
// Errors where nothing else is said: kIo, with the errno and what libfdisk warned of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/error.h"
#include "proto/layout.h"
#include "storage/tables/discover.h"

namespace lastword {

// A smaller data region is useless.
inline constexpr std::uint64_t kMinDataBytes = 1 << 20;

// Logical sector size. An image file has none of its own: the result is the size for which its GPT
// was written, or 512 where it has no GPT.
[[nodiscard]] Result<std::uint32_t> sector_bytes_of(int fd, std::string_view disk);

struct TablePartition {
  std::uint32_t number = 0;  // from 1, as in /dev/sdcN
  Partition place;
  std::string type;  // GPT: the type's UUID in lower case
  std::string name;
};

// Where lastword's partitions are to go.
struct DiskLayout {
  std::uint32_t sector_bytes = 512;
  Partition metadata;
  Partition data;  // length 0: none
};

// A disk of lastword's own: metadata in the second MiB, data (if wanted) in all that follows.
// kRefused when the disk is too small.
[[nodiscard]] Result<DiskLayout> plan_fresh_layout(std::string_view disk, std::uint64_t size_bytes,
                                                   std::uint32_t sector_bytes, bool with_data);

// A GPT as it is, for adoption.
struct GptGeometry {
  std::uint32_t sector_bytes = 512;
  std::uint64_t entries_end_bytes = 0;  // first byte after the primary copy's entries
  std::uint64_t usable_start_bytes = 0;
  std::uint64_t usable_end_bytes = 0;  // first byte after the last usable sector
  std::uint32_t entry_count = 0;
  std::vector<TablePartition> partitions;
};
// `fd` is open for reading. kNotFound: no GPT. kRefused: its shape is unusual, or its backup is not
// at the disk's end. One damaged copy does no harm: the other one is read, and extend_table()
// repairs the damaged one.
[[nodiscard]] Result<GptGeometry> read_gpt(int fd, std::string_view disk);

// Metadata between the GPT's entries and the first partition or the first MiB boundary, whichever
// comes first; data (if wanted) in what is free behind the last partition. Where there is a
// metadata partition already, it is kept, and so is a data partition. kRefused when there is no
// room on the disk or in its table, or when one that is kept overlaps something, is there twice, or
// is of no use: extend_table can write every layout that comes out.
[[nodiscard]] Result<DiskLayout> plan_adopted_layout(std::string_view disk, const GptGeometry& gpt,
                                                     bool with_data);

// Replaces whatever table there is. On an error, or when killed, the disk has no table, an
// incomplete one, or the new one.
[[nodiscard]] Status write_fresh_table(int fd, std::string_view disk, const DiskLayout& layout);

// Adds the layout's partitions, as far as they are not there yet, to the GPT. The other entries
// keep every byte; the header's first usable sector may go down to make the gap usable. On an
// error, or when killed, a reader finds the old or the new table: the backup copy is written before
// the primary one.
[[nodiscard]] Status extend_table(int fd, std::string_view disk, const DiskLayout& layout);

}  // namespace lastword
