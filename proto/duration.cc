#include "proto/duration.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace lastword {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
// The longest first.
constexpr std::array kUnits{Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"min", 60'000},
                            Unit{"s", 1000}, Unit{"ms", 1}};

const Unit* find_unit(std::string_view name) {
  for (const Unit& unit : kUnits) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t sum = 0;
  std::int64_t shorter_than = INT64_MAX;
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [unit_at, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(unit_at - text.data()));
    const std::string_view name = text.substr(0, text.find_first_of("0123456789"));
    text.remove_prefix(name.size());
    const Unit* const unit = find_unit(name);
    if (unit == nullptr || unit->ms >= shorter_than) return std::nullopt;
    shorter_than = unit->ms;
    if (__builtin_mul_overflow(number, unit->ms, &number)) return std::nullopt;
    if (__builtin_add_overflow(sum, number, &sum)) return std::nullopt;
  }
  return std::chrono::milliseconds(sum);
}

std::string to_string(std::chrono::milliseconds duration) {
  // Seconds and milliseconds as one number: "1500ms", where "1s500ms" would be read twice.
  std::int64_t ms = duration.count();
  if (ms % 1000 != 0) return std::to_string(ms) + "ms";
  std::string text;
  for (const std::string_view name : {"h", "m", "s"}) {
    const std::int64_t unit = find_unit(name)->ms;
    if (ms >= unit) text += std::to_string(ms / unit) + std::string(name);
    ms %= unit;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace lastword
