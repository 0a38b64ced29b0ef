#include "storage/codec/payload_decoder.h"

#include <lz4.h>
#include <zstd.h>

#include <new>

#include "proto/crc32c.h"

namespace lastword {
namespace {

tl::unexpected<Error> corrupt_payload(std::string_view detail) {
  return fail({.code = Code::kCorrupt, .operation = "decode section", .detail = detail});
}

}  // namespace

tl::unexpected<Error> corrupt_section(std::string_view detail) {
  return fail({.code = Code::kCorrupt, .operation = "read section", .detail = detail});
}

PayloadDecoder::PayloadDecoder() = default;
PayloadDecoder::~PayloadDecoder() = default;

void PayloadDecoder::FreeContext::operator()(ZSTD_DCtx_s* context) const {
  ::ZSTD_freeDCtx(context);
}

Result<std::span<const std::byte>> PayloadDecoder::decode(const SectionHeader& header,
                                                          std::span<const std::byte> stored,
                                                          std::span<std::byte> raw) {
  if (crc32c(stored) != header.payload_crc32c) return corrupt_payload("wrong payload CRC");
  const auto codec = static_cast<Codec>(header.codec);
  if (codec == Codec::kNone) return stored;
  if (header.raw_bytes > kMaxPayloadBytes || stored.size() > kMaxPayloadBytes) {
    return corrupt_payload("section too long");
  }
  if (codec == Codec::kLz4) {
    const int bytes = ::LZ4_decompress_safe(
        reinterpret_cast<const char*>(stored.data()), reinterpret_cast<char*>(raw.data()),
        static_cast<int>(stored.size()), static_cast<int>(header.raw_bytes));
    if (bytes < 0 || static_cast<std::uint64_t>(bytes) != header.raw_bytes) {
      return corrupt_payload("payload is not the LZ4 block it should be");
    }
  } else {
    if (!zstd_) zstd_.reset(::ZSTD_createDCtx());
    if (!zstd_) throw std::bad_alloc();
    const std::size_t bytes = ::ZSTD_decompressDCtx(zstd_.get(), raw.data(), header.raw_bytes,
                                                    stored.data(), stored.size());
    if (::ZSTD_isError(bytes) != 0 || bytes != header.raw_bytes) {
      return corrupt_payload("payload is not the zstd frame it should be");
    }
  }
  return raw.first(header.raw_bytes);
}

}  // namespace lastword
