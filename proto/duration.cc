#include "proto/duration.h"

#include <charconv>
#include <cstdint>
#include <limits>

namespace lastword {

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t ms;
  };
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [unit_at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || number < 0) return std::nullopt;
  const std::string_view name(unit_at, static_cast<std::size_t>(end - unit_at));
  for (const Unit unit : {Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"min", 60'000}}) {
    if (name != unit.name) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / unit.ms) return std::nullopt;
    return std::chrono::milliseconds(number * unit.ms);
  }
  return std::nullopt;
}

}  // namespace lastword
