// Compresses one chunk (a section's payload) at a time, with all memory that it needs allocated up
// front. One for each thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "proto/codec_setting.h"
#include "proto/stream.h"
#include "storage/block/aligned_buffer.h"

struct ZSTD_CCtx_s;

namespace lastword {

inline constexpr std::size_t kMaxChunkBytes = kMaxPayloadBytes / 2;

// What a ChunkCompressor for zstd up to this level allocates; 0: no zstd.
[[nodiscard]] std::size_t compressor_bytes(int max_zstd_level);

class ChunkCompressor {
 public:
  explicit ChunkCompressor(int max_zstd_level);

  // The length in `out`, which is as long as `raw` or longer; 0: it would not save even one block
  // on the disk, and what is in `out` means nothing. `raw` is at most kMaxChunkBytes; a zstd
  // level is at most the one given above.
  [[nodiscard]] std::size_t compress(const CodecLevel& codec, std::span<const std::byte> raw,
                                     std::span<std::byte> out);

 private:
  void set_zstd_level(int level);

  AlignedBuffer lz4_;
  AlignedBuffer zstd_memory_;
  ZSTD_CCtx_s* zstd_ = nullptr;  // inside zstd_memory_
  int zstd_level_ = 0;
};

}  // namespace lastword
