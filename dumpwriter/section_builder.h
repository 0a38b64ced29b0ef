// Builds one section of the stream in place, in the buffer it will be written from: the first
// block is the header, the payload follows. Each byte of memory is copied once.
// Runs in the capture kernel: no heap after the first byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "proto/stream.h"
#include "proto/uuid.h"

namespace lastword {

// Payload of one section here. Half of what the format allows: three candidates' engines, each with
// four such buffers, then take 6 MiB of the capture kernel's memory, and writing is as fast.
inline constexpr std::size_t kSectionPayloadBytes = kMaxPayloadBytes / 2;
// Buffers handed to begin() have this size: header block and payload.
inline constexpr std::size_t kSectionBufferBytes = kBlockBytes + kSectionPayloadBytes;

// All zero? `page` has kPageBytes and is aligned to 8 bytes.
[[nodiscard]] bool is_zero_page(const std::byte* page);

class SectionBuilder {
 public:
  // `buffer` is aligned and must stay until seal(); its length less one block is the room for
  // payload.
  void begin(std::span<std::byte> buffer, SectionKind kind, std::uint64_t sequence,
             const UuidBytes& crash_id);

  // Sections other than pages: fill the front of room(), then say how much.
  [[nodiscard]] std::span<std::byte> room() const { return buffer_.subspan(kBlockBytes + used_); }
  void advance(std::size_t bytes);

  // Pages sections, in ascending order. False: full, nothing was added.
  [[nodiscard]] bool add_page(std::uint64_t pfn, const std::byte* page);
  [[nodiscard]] bool add_without_content(std::uint64_t pfn, std::uint64_t count, RunKind what);

  // No page frame and no payload yet: not worth writing.
  [[nodiscard]] bool empty() const { return used_ == 0 && runs_ == 0; }

  // Completes header and padding. The length to be written.
  [[nodiscard]] std::size_t seal();

 private:
  [[nodiscard]] bool add_run(PageRun run);

  std::span<std::byte> buffer_;
  SectionKind kind_ = SectionKind::kPages;
  std::uint64_t sequence_ = 0;
  UuidBytes crash_id_{};
  std::size_t used_ = 0;  // payload bytes
  std::uint32_t crc_ = 0;
  std::uint32_t runs_ = 0;
  std::uint64_t first_pfn_ = 0;
  PageRun last_{};
};

}  // namespace lastword
