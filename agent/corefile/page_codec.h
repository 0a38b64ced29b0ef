// Compression of single pages, as the kdump-compressed format wants them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "proto/stream.h"

namespace lastword {

// The codecs that this program writes. Every reader knows kZlib; crash and makedumpfile know kZstd
// where they were built with it.
enum class PageCodec : std::uint8_t { kZlib, kZstd, kNone };
[[nodiscard]] std::string_view name_of(PageCodec codec);

// Each thread needs one of its own.
class PageCompressor {
 public:
  explicit PageCompressor(PageCodec codec);
  ~PageCompressor();
  PageCompressor(const PageCompressor&) = delete;
  PageCompressor& operator=(const PageCompressor&) = delete;

  struct Packed {
    std::uint32_t bytes = 0;  // kPageBytes: stored as it is
    std::uint32_t flags = 0;  // of the PageDescriptor
  };
  // `out` has kPageBytes; a page that does not shrink is copied there.
  [[nodiscard]] Packed compress(std::span<const std::byte, kPageBytes> page,
                                std::span<std::byte, kPageBytes> out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lastword
