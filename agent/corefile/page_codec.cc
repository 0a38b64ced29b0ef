#include "agent/corefile/page_codec.h"

#include <libdeflate.h>
#include <zstd.h>

#include <cstring>
#include <new>

#include "agent/corefile/kdump_format.h"

namespace lastword {
namespace {

// The fastest of each: recovery is bound by the processors. libdeflate writes the zlib format at
// two to three times zlib's own speed.
constexpr int kZlibLevel = 1;
constexpr int kZstdLevel = 1;

}  // namespace

std::string_view name_of(PageCodec codec) {
  switch (codec) {
    case PageCodec::kZlib:
      return "zlib";
    case PageCodec::kZstd:
      return "zstd";
    case PageCodec::kNone:
      return "none";
  }
  return "unknown";
}

struct PageCompressor::State {
  libdeflate_compressor* zlib = nullptr;
  ZSTD_CCtx* zstd = nullptr;

  State() = default;
  ~State() {
    libdeflate_free_compressor(zlib);
    ZSTD_freeCCtx(zstd);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

PageCompressor::PageCompressor(PageCodec codec) : state_(std::make_unique<State>()) {
  if (codec == PageCodec::kZlib) state_->zlib = libdeflate_alloc_compressor(kZlibLevel);
  if (codec == PageCodec::kZstd) state_->zstd = ZSTD_createCCtx();
  if (codec != PageCodec::kNone && state_->zlib == nullptr && state_->zstd == nullptr) {
    throw std::bad_alloc();
  }
}

PageCompressor::~PageCompressor() = default;

PageCompressor::Packed PageCompressor::compress(std::span<const std::byte, kPageBytes> page,
                                                std::span<std::byte, kPageBytes> out) {
  // One byte less than a page: a page that needs more does not shrink.
  constexpr std::size_t kRoom = kPageBytes - 1;
  if (state_->zlib != nullptr) {
    const std::size_t bytes =
        libdeflate_zlib_compress(state_->zlib, page.data(), page.size(), out.data(), kRoom);
    if (bytes != 0) return {.bytes = static_cast<std::uint32_t>(bytes), .flags = kKdumpZlib};
  } else if (state_->zstd != nullptr) {
    const std::size_t bytes =
        ZSTD_compressCCtx(state_->zstd, out.data(), kRoom, page.data(), page.size(), kZstdLevel);
    if (ZSTD_isError(bytes) == 0) {
      return {.bytes = static_cast<std::uint32_t>(bytes), .flags = kKdumpZstd};
    }
  }
  std::memcpy(out.data(), page.data(), page.size());
  return {.bytes = kPageBytes, .flags = 0};
}

}  // namespace lastword
