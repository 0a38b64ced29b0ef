// Builds one section of the stream in place, in the buffer it will be written from: the first
// block is the header, the payload follows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "proto/codec_setting.h"
#include "proto/page_class.h"
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
  // Pages that will be compressed: their content is gathered in `raw`, as long as the room for
  // payload, or stays where it is as long as they follow each other there.
  void begin_pages(std::span<std::byte> buffer, std::span<std::byte> raw, PagePass pass,
                   std::uint64_t sequence, const UuidBytes& crash_id);

  // Sections other than pages: fill the front of room(), then say how much.
  [[nodiscard]] std::span<std::byte> room() const { return gather_.subspan(used_); }
  void advance(std::size_t bytes) { used_ += bytes; }

  // Pages sections, in ascending order. False: full, nothing was added. `page` must stay until
  // detach() or seal().
  [[nodiscard]] bool add_page(std::uint64_t pfn, PageClass page_class, const std::byte* page);
  [[nodiscard]] bool add_without_content(const PageRun& run);
  // Copies what still is where it came from.
  void detach();

  // No page frame and no payload yet: not worth writing.
  [[nodiscard]] bool empty() const { return used_ == 0 && runs_ == 0; }
  [[nodiscard]] bool full() const { return gather_.size() - used_ < kPageBytes; }
  // The payload before the codec.
  [[nodiscard]] std::span<const std::byte> raw() const {
    return {source_ != nullptr ? source_ : gather_.data(), used_};
  }
  // Where it must be in the end, compressed or not.
  [[nodiscard]] std::span<std::byte> payload() const { return buffer_.subspan(kBlockBytes); }

  // Completes header and padding of a payload that is in place. The length to be written.
  [[nodiscard]] std::size_t seal(Codec codec, std::size_t stored_bytes, std::uint32_t crc);
  [[nodiscard]] std::size_t seal();  // not compressed; where the payload was gathered in place

 private:
  [[nodiscard]] bool add_run(const PageRun& run);

  std::span<std::byte> buffer_;
  std::span<std::byte> gather_;        // in buffer_ or elsewhere
  const std::byte* source_ = nullptr;  // where all pages so far still are; null: in gather_
  SectionKind kind_ = SectionKind::kPages;
  PagePass pass_{};
  std::uint64_t sequence_ = 0;
  UuidBytes crash_id_{};
  std::size_t used_ = 0;  // payload bytes
  std::uint32_t runs_ = 0;
  std::uint64_t first_pfn_ = 0;
  PageRun last_{};
};

}  // namespace lastword
