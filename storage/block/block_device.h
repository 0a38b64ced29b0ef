// A disk's blocks as this node's nexus sees them. The seam between all logic and real disks;
// tests put a fake shelf behind it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "proto/error.h"

namespace lastword {

class BlockDevice {
 public:
  virtual ~BlockDevice() = default;

  // For messages: "/dev/sdc". Lives as long as the device.
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;
  // The size of a logical block, the unit of a partition table. 0: not known, as for an image,
  // which may come from a disk with blocks of any size.
  [[nodiscard]] virtual std::uint32_t logical_block_bytes() const { return 0; }

  // Offset, length and buffer address are multiples of kBlockBytes (kRefused otherwise). The whole
  // range is read or written, or there is an error. Reads never come from a page cache. RESERVATION
  // CONFLICT is kConflict; other errors are those of code_of_errno().
  // After a failed write any part of the range may hold old or new data, block by block.
  [[nodiscard]] virtual Status read(std::uint64_t offset, std::span<std::byte> buffer) = 0;
  [[nodiscard]] virtual Status write(std::uint64_t offset, std::span<const std::byte> buffer) = 0;

  // Everything that was written through this before is durable when this returns without an error.
  // After an error any of it may be lost, and another flush() would not tell.
  [[nodiscard]] virtual Status flush() = 0;
  // Everything that the disk has acknowledged is, whoever wrote it: a file system, another program.
  [[nodiscard]] virtual Status flush_all() = 0;
};

}  // namespace lastword
