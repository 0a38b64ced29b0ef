// How strongly the pages of a dump are compressed, as a person asks for it and as a dump says it.
#pragma once

#include <string_view>

#include "proto/error.h"
#include "proto/stream.h"

namespace lastword {

// A codec, and with zstd how hard it tries.
struct CodecLevel {
  Codec codec = Codec::kNone;
  int level = 0;  // zstd only
  bool operator==(const CodecLevel&) const = default;
};

// The memory that zstd needs grows with its level. Up to the highest level here it is at most 4 MiB
// for each processor that compresses; the next level would need twice as much. A capture kernel has
// no more to give.
inline constexpr int kMinZstdLevel = 1;
inline constexpr int kMaxZstdLevel = 6;

struct CodecSetting {
  bool automatic = true;  // chosen while the dump runs
  CodecLevel fixed;       // unless automatic
  bool operator==(const CodecSetting&) const = default;

  // "auto", "none", "lz4", "zstd" or "zstd:LEVEL". kUsage with what is wrong.
  [[nodiscard]] static Result<CodecSetting> parse(std::string_view text);
};

// As parse() takes them: "none", "lz4", "zstd:3", "auto".
[[nodiscard]] FixedText<16> text_of(const CodecLevel& level);
[[nodiscard]] FixedText<16> text_of(const CodecSetting& setting);

}  // namespace lastword
