// From a section's payload as stored to the bytes it stands for. The one place that knows codecs.
// One for each thread.
#pragma once

#include <memory>
#include <span>

#include "proto/error.h"
#include "proto/stream.h"

struct ZSTD_DCtx_s;

namespace lastword {

// Bytes that no writer of dumps leaves where a section should be.
[[nodiscard]] tl::unexpected<Error> corrupt_section(std::string_view detail);

class PayloadDecoder {
 public:
  PayloadDecoder();
  ~PayloadDecoder();
  PayloadDecoder(const PayloadDecoder&) = delete;
  PayloadDecoder& operator=(const PayloadDecoder&) = delete;

  // `header.raw_bytes` bytes: a view of `stored` where there is no codec, else of `raw`, which
  // grows to hold them. `header` is what parse_section accepted; `stored` may be anything.
  // kCorrupt: it has another checksum, or does not decode to exactly that many bytes. Never takes
  // more than kMaxPayloadBytes and what zstd needs to decode a frame in one piece.
  [[nodiscard]] Result<std::span<const std::byte>> decode(const SectionHeader& header,
                                                          std::span<const std::byte> stored,
                                                          std::span<std::byte> raw);

 private:
  struct FreeContext {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_DCtx_s, FreeContext> zstd_;
};

}  // namespace lastword
