// fmt into text of bounded length; longer text is cut.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "proto/error.h"

namespace lastword {

template <std::size_t N = 256, class... Args>
[[nodiscard]] FixedText<N> format_text(fmt::format_string<Args...> format, Args&&... args) {
  char text[N];
  const auto result = fmt::format_to_n(text, N, format, std::forward<Args>(args)...);
  return std::string_view(text, std::min(result.size, N));
}

}  // namespace lastword
