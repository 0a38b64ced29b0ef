// Times as people write them, in the configuration and on command lines.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace lastword {

// A whole number and its unit: "500ms", "5s", "2min" or "2m". Empty for any other text, and for a
// time that is too long for milliseconds. Zero is accepted: the caller refuses it where it makes no
// sense.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace lastword
