#include "proto/codec_setting.h"

namespace lastword {

Result<CodecSetting> CodecSetting::parse(std::string_view text) {
  constexpr std::string_view kWithLevel = "zstd:";
  if (text == "auto") return CodecSetting{};
  if (text == "none") return CodecSetting{.automatic = false, .fixed = {}};
  if (text == "lz4") return CodecSetting{.automatic = false, .fixed = {.codec = Codec::kLz4}};
  if (text == "zstd") text = "zstd:1";
  if (text.starts_with(kWithLevel) && text.size() == kWithLevel.size() + 1) {
    const int level = text.back() - '0';
    if (level >= kMinZstdLevel && level <= kMaxZstdLevel) {
      return CodecSetting{.automatic = false, .fixed = {.codec = Codec::kZstd, .level = level}};
    }
  }
  return fail({.code = Code::kUsage,
               .operation = "codec",
               .detail = "wanted: auto, none, lz4, zstd, or zstd:1 to zstd:6"});
}

FixedText<16> text_of(const CodecLevel& level) {
  if (level.codec != Codec::kZstd) return name_of(level.codec);
  char text[] = "zstd:0";
  text[sizeof text - 2] = static_cast<char>('0' + level.level);
  return std::string_view(text);
}

FixedText<16> text_of(const CodecSetting& setting) {
  return setting.automatic ? FixedText<16>("auto") : text_of(setting.fixed);
}

}  // namespace lastword
