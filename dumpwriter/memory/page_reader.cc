#include "dumpwriter/memory/page_reader.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace lastword {

std::optional<FrameWindow> PageReader::next() {
  unmap();
  const auto window = order_.next();
  if (!window) return std::nullopt;
  window_ = *window;
  current_ = core_.map().range_of(window_.first_pfn);
  return window_;
}

FrameSpan PageReader::read(std::uint64_t pfn, std::uint64_t count) {
  if (!current_->whole) return read_partial(pfn);
  if (method_ == Method::kMap) {
    if (const std::byte* const window = map(); window != nullptr) {
      return {.first_pfn = pfn,
              .count = count,
              .data = window + (pfn - window_.first_pfn) * kPageBytes};
    }
  }
  return read_whole(pfn, count);
}

void PageReader::begin(VisitOrder::Part part) {
  unmap();
  order_.begin(part);
}

const std::byte* PageReader::map() {
  const std::uint64_t offset =
      current_->file_offset + (window_.first_pfn - current_->first_pfn) * kPageBytes;
  const std::size_t before = offset % kPageBytes;
  if (mapping_ == nullptr) {
    const std::size_t bytes = before + window_.count * kPageBytes;
    void* const mapping = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, core_.fd(),
                                 static_cast<off_t>(offset - before));
    if (mapping == MAP_FAILED) return nullptr;
    mapping_ = mapping;
    mapping_bytes_ = bytes;
  }
  return static_cast<const std::byte*>(mapping_) + before;
}

void PageReader::unmap() {
  if (mapping_ != nullptr) ::munmap(mapping_, mapping_bytes_);
  mapping_ = nullptr;
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
FrameSpan PageReader::read_whole(std::uint64_t pfn, std::uint64_t count) {
  const std::uint64_t offset = current_->file_offset + (pfn - current_->first_pfn) * kPageBytes;
  const std::uint64_t most = buffer_.span().size() / kPageBytes;
  for (const std::uint64_t n : {std::min(count, most), std::uint64_t{1}}) {
    const auto frames = buffer_.span().first(n * kPageBytes);
    if (core_.read(offset, frames)) return {.first_pfn = pfn, .count = n, .data = frames.data()};
  }
  return {.first_pfn = pfn, .count = 1, .data = nullptr};
}

}  // namespace lastword
