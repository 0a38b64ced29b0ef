// Goes through all page frames of a vmcore. /proc/vmcore is mapped a few MiB at a time, many times
// faster than read(), which maps and unmaps every single page (Linux fs/proc/vmcore.c); windows of
// 4 KiB would be slower still. The mapping is VM_PFNMAP, so O_DIRECT from it fails with EFAULT:
// whoever writes copies from here into a buffer of its own. A file in the page cache is the other
// way round: setting up and tearing down page tables costs more than read() into a buffer that
// stays in the second-level cache (by a quarter of the whole dump, measured). Runs in the capture
// kernel: no heap after the first byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dumpwriter/vmcore.h"
#include "storage/aligned_buffer.h"

namespace lastword {

inline constexpr std::size_t kWindowBytes = 2 << 20;
inline constexpr std::size_t kReadBytes = 256 << 10;

// Adjacent page frames. Valid until the next call on the reader.
struct FrameSpan {
  std::uint64_t first_pfn = 0;
  std::uint64_t count = 0;
  const std::byte* data = nullptr;  // null: these frames could not be read
};

class PageReader {
 public:
  enum class Method : bool { kMap, kRead };  // what can not be mapped is read

  // `core` must outlive this.
  explicit PageReader(const Vmcore& core)
      : PageReader(core, core.is_proc_vmcore() ? Method::kMap : Method::kRead) {}
  PageReader(const Vmcore& core, Method method) : core_(core), method_(method) {}
  ~PageReader() { unmap(); }
  PageReader(const PageReader&) = delete;
  PageReader& operator=(const PageReader&) = delete;

  // The next frames in ascending order, at most a window of them; empty at the end.
  [[nodiscard]] std::optional<FrameSpan> next();
  // Back to the first frame, for the next candidate.
  void rewind();

 private:
  [[nodiscard]] FrameSpan map(const FrameRange& range, std::uint64_t pfn);  // data null: refused
  void unmap();
  [[nodiscard]] FrameSpan read_partial(std::uint64_t pfn);
  [[nodiscard]] FrameSpan read_whole(const FrameRange& range, std::uint64_t pfn);

  const Vmcore& core_;
  Method method_;
  std::size_t range_ = 0;
  std::uint64_t done_in_range_ = 0;  // frames
  void* window_ = nullptr;
  std::size_t window_bytes_ = 0;
  AlignedBuffer buffer_{kReadBytes};
};

}  // namespace lastword
