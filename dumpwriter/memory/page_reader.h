// Goes through all page frames of a vmcore. /proc/vmcore is mapped a few MiB at a time, many times
// faster than read(), which maps and unmaps every single page (Linux fs/proc/vmcore.c); windows of
// 4 KiB would be slower still. The mapping is VM_PFNMAP, so O_DIRECT from it fails with EFAULT:
// whoever writes copies from here into a buffer of its own. A file in the page cache is the other
// way round: setting up and tearing down page tables costs more than read() into a buffer that
// stays in the second-level cache (by a quarter of the whole dump, measured).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dumpwriter/memory/visit_order.h"
#include "dumpwriter/memory/vmcore.h"
#include "proto/stream.h"
#include "storage/block/aligned_buffer.h"

namespace lastword {

inline constexpr std::size_t kReadBytes = 512 << 10;

// Adjacent page frames. Valid until the next call on the reader.
struct FrameSpan {
  std::uint64_t first_pfn = 0;
  std::uint64_t count = 0;
  const std::byte* data = nullptr;  // null: these frames could not be read
};

class PageReader {
 public:
  enum class Method : bool { kMap, kRead };  // what cannot be mapped is read

  // `core` must outlive this.
  explicit PageReader(const Vmcore& core)
      : PageReader(core, core.is_proc_vmcore() ? Method::kMap : Method::kRead) {}
  PageReader(const Vmcore& core, Method method)
      : core_(core), method_(method), order_(core.map()) {}
  ~PageReader() { unmap(); }
  PageReader(const PageReader&) = delete;
  PageReader& operator=(const PageReader&) = delete;

  // Goes through a part of memory from its first frame on; at first, all is in kOthers.
  void begin(VisitOrder::Part part);
  // The next frames of the part, ascending; empty at the end. Touches none.
  [[nodiscard]] std::optional<FrameWindow> next();
  // Frames of the window that next() gave, from `pfn` on: at least one, at most `count`.
  [[nodiscard]] FrameSpan read(std::uint64_t pfn, std::uint64_t count);
  [[nodiscard]] VisitOrder& order() { return order_; }

 private:
  [[nodiscard]] const std::byte* map();  // of the window's first frame; null: refused
  void unmap();
  [[nodiscard]] FrameSpan read_partial(std::uint64_t pfn);
  [[nodiscard]] FrameSpan read_whole(std::uint64_t pfn, std::uint64_t count);

  const Vmcore& core_;
  Method method_;
  VisitOrder order_;
  const FrameRange* current_ = nullptr;  // that the window is in
  FrameWindow window_;
  void* mapping_ = nullptr;
  std::size_t mapping_bytes_ = 0;
  AlignedBuffer buffer_{kReadBytes};
};

}  // namespace lastword
