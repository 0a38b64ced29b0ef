// Times as people write them, in the configuration and on command lines.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace lastword {

// A whole number and its unit, nothing else: "500ms", "5s", "2min" or "2m". Nothing where it is not
// that, or too long for milliseconds; zero and what else makes no sense is the caller's to refuse.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace lastword
