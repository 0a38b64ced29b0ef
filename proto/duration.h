// Times as people write them, in the configuration and on command lines.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace lastword {

// Whole numbers, each with its unit, the longest unit first and none twice: "500ms", "5s", "2m" or
// "2min", "1h30m". Empty for any other text, and for a time that is too long for milliseconds. Zero
// is accepted: the caller refuses it where it makes no sense.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// What parse_duration() accepts, for an error that says how a time is written.
inline constexpr std::string_view kDurationGrammar =
    "a whole number with its unit, such as 500ms, 5s, 2min or 1h30m";

// The shortest text that parse_duration() reads as the same time: "1h30m", "1500ms". A negative
// time is not one.
[[nodiscard]] std::string to_string(std::chrono::milliseconds duration);

}  // namespace lastword
