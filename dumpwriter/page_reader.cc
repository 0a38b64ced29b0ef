#include "dumpwriter/page_reader.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "proto/stream.h"

namespace lastword {

std::optional<FrameSpan> PageReader::next() {
  unmap();
  const auto ranges = core_.map().ranges();
  if (range_ == ranges.size()) return std::nullopt;
  const FrameRange& range = ranges[range_];
  const std::uint64_t pfn = range.first_pfn + done_in_range_;
  FrameSpan span;
  if (!range.whole) {
    span = read_partial(pfn);
  } else {
    if (method_ == Method::kMap) span = map(range, pfn);
    if (span.data == nullptr) span = read_whole(range, pfn);
  }
  done_in_range_ += span.count;
  if (range.first_pfn + done_in_range_ == range.end_pfn) {
    ++range_;
    done_in_range_ = 0;
  }
  return span;
}

void PageReader::rewind() {
  unmap();
  range_ = 0;
  done_in_range_ = 0;
}

FrameSpan PageReader::map(const FrameRange& range, std::uint64_t pfn) {
  const std::uint64_t count = std::min(range.end_pfn - pfn, kWindowBytes / kPageBytes);
  const std::uint64_t offset = range.file_offset + (pfn - range.first_pfn) * kPageBytes;
  const std::size_t before = offset % kPageBytes;
  const std::size_t bytes = before + count * kPageBytes;
  void* const window = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, core_.fd(),
                              static_cast<off_t>(offset - before));
  if (window == MAP_FAILED) return {};
  window_ = window;
  window_bytes_ = bytes;
  return {.first_pfn = pfn, .count = count, .data = static_cast<const std::byte*>(window) + before};
}

void PageReader::unmap() {
  if (window_ != nullptr) ::munmap(window_, window_bytes_);
  window_ = nullptr;
}

FrameSpan PageReader::read_partial(std::uint64_t pfn) {
  const auto page = buffer_.span().first(kPageBytes);
  std::memset(page.data(), 0, page.size());
  for (const FramePiece& piece : core_.map().pieces_of(pfn)) {
    const Status status =
        core_.read(piece.file_offset, page.subspan(piece.offset_in_frame, piece.bytes));
    if (!status) return {.first_pfn = pfn, .count = 1, .data = nullptr};
  }
  return {.first_pfn = pfn, .count = 1, .data = page.data()};
}

// A failed read is repeated frame by frame, so that one bad frame costs only itself.
FrameSpan PageReader::read_whole(const FrameRange& range, std::uint64_t pfn) {
  const std::uint64_t offset = range.file_offset + (pfn - range.first_pfn) * kPageBytes;
  const std::uint64_t most = buffer_.span().size() / kPageBytes;
  for (const std::uint64_t count : {std::min(range.end_pfn - pfn, most), std::uint64_t{1}}) {
    const auto frames = buffer_.span().first(count * kPageBytes);
    if (core_.read(offset, frames)) {
      return {.first_pfn = pfn, .count = count, .data = frames.data()};
    }
  }
  return {.first_pfn = pfn, .count = 1, .data = nullptr};
}

}  // namespace lastword
