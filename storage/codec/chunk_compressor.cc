#include "storage/codec/chunk_compressor.h"

// For contexts in memory of one's own: not in the shared library's stable part. lastword-dump has
// its libzstd inside; Debian's shared one, which lastword uses, exports these functions.
#define ZSTD_STATIC_LINKING_ONLY
#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace lastword {
namespace {

// 1 is lz4's normal speed. With 8 a real vmcore takes a fifth less time and 7 % more room: lz4 is
// for where the processors are the bottleneck; where the disk is, zstd:1 is faster in all.
constexpr int kLz4Acceleration = 8;

ZSTD_compressionParameters parameters(int level) {
  return ::ZSTD_getCParams(level, kMaxChunkBytes, 0);
}

std::size_t zstd_bytes(int max_level) {
  std::size_t bytes = 0;
  for (int level = kMinZstdLevel; level <= max_level; ++level) {
    bytes = std::max(bytes, ::ZSTD_estimateCCtxSize_usingCParams(parameters(level)));
  }
  return bytes;
}

std::size_t lz4_bytes() {
  return static_cast<std::size_t>(::LZ4_sizeofState());
}

}  // namespace

std::size_t compressor_bytes(int max_zstd_level) {
  return round_up_to_block(lz4_bytes()) + round_up_to_block(zstd_bytes(max_zstd_level));
}

ChunkCompressor::ChunkCompressor(int max_zstd_level)
    : lz4_(round_up_to_block(lz4_bytes())),
      zstd_memory_(round_up_to_block(zstd_bytes(max_zstd_level))) {
  const auto memory = zstd_memory_.span();
  if (max_zstd_level > 0) zstd_ = ::ZSTD_initStaticCCtx(memory.data(), memory.size());
}

// One set of parameters for chunks of every size: those that zstd would choose for smaller ones may
// need more memory.
void ChunkCompressor::set_zstd_level(int level) {
  if (zstd_level_ == level) return;
  zstd_level_ = level;
  const ZSTD_compressionParameters p = parameters(level);
  const std::array<std::pair<ZSTD_cParameter, int>, 9> settings{{
      {ZSTD_c_compressionLevel, level},
      {ZSTD_c_windowLog, static_cast<int>(p.windowLog)},
      {ZSTD_c_chainLog, static_cast<int>(p.chainLog)},
      {ZSTD_c_hashLog, static_cast<int>(p.hashLog)},
      {ZSTD_c_searchLog, static_cast<int>(p.searchLog)},
      {ZSTD_c_minMatch, static_cast<int>(p.minMatch)},
      {ZSTD_c_targetLength, static_cast<int>(p.targetLength)},
      {ZSTD_c_strategy, static_cast<int>(p.strategy)},
      {ZSTD_c_checksumFlag, 0},
  }};
  for (const auto& [parameter, value] : settings) {
    (void)::ZSTD_CCtx_setParameter(zstd_, parameter, value);
  }
}

std::size_t ChunkCompressor::compress(const CodecLevel& codec, std::span<const std::byte> raw,
                                      std::span<std::byte> out) {
  if (codec.codec == Codec::kNone || raw.size() <= kBlockBytes) return 0;
  const std::size_t room = raw.size() - kBlockBytes;
  if (codec.codec == Codec::kLz4) {
    return static_cast<std::size_t>(::LZ4_compress_fast_extState(
        lz4_.span().data(), reinterpret_cast<const char*>(raw.data()),
        reinterpret_cast<char*>(out.data()), static_cast<int>(raw.size()), static_cast<int>(room),
        kLz4Acceleration));
  }
  if (zstd_ == nullptr) return 0;
  set_zstd_level(codec.level);
  const std::size_t bytes = ::ZSTD_compress2(zstd_, out.data(), room, raw.data(), raw.size());
  return ::ZSTD_isError(bytes) != 0 ? 0 : bytes;
}

}  // namespace lastword
