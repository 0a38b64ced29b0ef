// Memory of the dead kernel by physical address. Large reads of /proc/vmcore go through one mapped
// window, many times faster than read() (dumpwriter/memory/page_reader.h); everything else is
// read(). For one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dumpwriter/memory/vmcore.h"

namespace lastword {

class PhysicalMemory {
 public:
  // `core` must outlive this.
  explicit PhysicalMemory(const Vmcore& core) : core_(core) {}
  ~PhysicalMemory() { unmap(); }
  PhysicalMemory(const PhysicalMemory&) = delete;
  PhysicalMemory& operator=(const PhysicalMemory&) = delete;

  // Whether the vmcore holds that page frame whole.
  [[nodiscard]] bool has_frame(std::uint64_t pfn) const;
  // All of `into`, or false: a part of it is not in the vmcore, or cannot be read. `into` then
  // holds anything.
  [[nodiscard]] bool read(std::uint64_t paddr, std::span<std::byte> into);

 private:
  [[nodiscard]] bool read_in_range(const FrameRange& range, std::uint64_t paddr,
                                   std::span<std::byte> into);
  [[nodiscard]] bool map(const FrameRange& range, std::uint64_t paddr);
  void unmap();

  const Vmcore& core_;
  std::byte* window_ = nullptr;
  std::uint64_t window_paddr_ = 0;
  std::size_t window_bytes_ = 0;
};

}  // namespace lastword
