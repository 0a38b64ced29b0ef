// Text that a dead kernel, a device or a disk wrote, made fit for records and terminals.
#pragma once

#include <algorithm>
#include <string_view>

#include "proto/error.h"

namespace lastword {

// Printable ASCII: each other byte becomes '?'. Longer text is cut. A protobuf string field that is
// not UTF-8 makes its whole record unreadable, and one without a bound does not fit its block.
template <std::size_t N>
[[nodiscard]] FixedText<N> printable(std::string_view text) {
  char clean[N];
  const auto kept = text.substr(0, N);
  std::transform(kept.begin(), kept.end(), clean,
                 [](char c) { return c >= ' ' && c <= '~' ? c : '?'; });
  return std::string_view(clean, kept.size());
}

// A kernel's uname has 64 bytes for it (include/uapi/linux/utsname.h).
inline constexpr std::size_t kMaxKernelRelease = 64;

}  // namespace lastword
