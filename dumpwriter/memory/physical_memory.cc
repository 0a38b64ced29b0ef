#include "dumpwriter/memory/physical_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "dumpwriter/memory/page_reader.h"
#include "proto/stream.h"

namespace lastword {

bool PhysicalMemory::has_frame(std::uint64_t pfn) const {
  const FrameRange* const range = core_.map().range_of(pfn);
  return range != nullptr && range->whole;
}

bool PhysicalMemory::read(std::uint64_t paddr, std::span<std::byte> into) {
  while (!into.empty()) {
    const FrameRange* const range = core_.map().range_of(paddr / kPageBytes);
    if (range == nullptr || !range->whole) return false;
    const std::uint64_t left = range->end_pfn * kPageBytes - paddr;
    const std::size_t n = std::min<std::uint64_t>(into.size(), left);
    if (!read_in_range(*range, paddr, into.first(n))) return false;
    into = into.subspan(n);
    paddr += n;
  }
  return true;
}

bool PhysicalMemory::read_in_range(const FrameRange& range, std::uint64_t paddr,
                                   std::span<std::byte> into) {
  while (core_.is_proc_vmcore() && into.size() > kPageBytes) {
    const bool inside = paddr >= window_paddr_ && paddr - window_paddr_ < window_bytes_;
    if (!inside && !map(range, paddr)) break;
    const std::uint64_t skipped = paddr - window_paddr_;
    const std::size_t n = std::min<std::uint64_t>(into.size(), window_bytes_ - skipped);
    std::memcpy(into.data(), window_ + skipped, n);
    into = into.subspan(n);
    paddr += n;
  }
  return core_.read(range.file_offset + (paddr - range.first_pfn * kPageBytes), into).has_value();
}

// Windows begin at multiples of their size, so that neighbours share one.
bool PhysicalMemory::map(const FrameRange& range, std::uint64_t paddr) {
  unmap();
  const std::uint64_t range_paddr = range.first_pfn * kPageBytes;
  const std::uint64_t begin = std::max(paddr / kWindowBytes * kWindowBytes, range_paddr);
  const std::uint64_t end =
      std::min(paddr / kWindowBytes * kWindowBytes + kWindowBytes, range.end_pfn * kPageBytes);
  const std::uint64_t offset = range.file_offset + (begin - range_paddr);
  if (offset % kPageBytes != 0) return false;
  void* const window =
      ::mmap(nullptr, end - begin, PROT_READ, MAP_PRIVATE, core_.fd(), static_cast<off_t>(offset));
  if (window == MAP_FAILED) return false;
  window_ = static_cast<std::byte*>(window);
  window_paddr_ = begin;
  window_bytes_ = end - begin;
  return true;
}

void PhysicalMemory::unmap() {
  if (window_ != nullptr) ::munmap(window_, window_bytes_);
  window_ = nullptr;
  window_bytes_ = 0;
}

}  // namespace lastword
