// Goes through all page frames of a vmcore, in windows. Mapping a few MiB at a time is many times
// faster than read(), which maps and unmaps every single page (Linux fs/proc/vmcore.c); windows of
// 4 KiB would be slower still. The mapping is VM_PFNMAP, so O_DIRECT from it fails with EFAULT:
// whoever writes copies from here into a buffer of its own, once.
// Runs in the capture kernel: no heap after the first byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dumpwriter/vmcore.h"
#include "storage/aligned_buffer.h"

namespace lastword {

inline constexpr std::size_t kWindowBytes = 2 << 20;

// Adjacent page frames. Valid until the next call on the reader.
struct FrameSpan {
  std::uint64_t first_pfn = 0;
  std::uint64_t count = 0;
  const std::byte* data = nullptr;  // null: these frames could not be read
};

class PageReader {
 public:
  // `core` must outlive this.
  explicit PageReader(const Vmcore& core) : core_(core) {}
  ~PageReader() { unmap(); }
  PageReader(const PageReader&) = delete;
  PageReader& operator=(const PageReader&) = delete;

  // The next frames in ascending order, at most a window of them; empty at the end.
  [[nodiscard]] std::optional<FrameSpan> next();
  // Back to the first frame, for the next candidate.
  void rewind();

 private:
  [[nodiscard]] const std::byte* map(std::uint64_t file_offset, std::size_t bytes);
  void unmap();
  [[nodiscard]] FrameSpan read_partial(std::uint64_t pfn);
  [[nodiscard]] FrameSpan read_unmapped(const FrameRange& range, std::uint64_t pfn);

  const Vmcore& core_;
  std::size_t range_ = 0;
  std::uint64_t done_in_range_ = 0;  // frames
  void* window_ = nullptr;
  std::size_t window_bytes_ = 0;
  AlignedBuffer fallback_{64 << 10};  // for what cannot be mapped
};

}  // namespace lastword
