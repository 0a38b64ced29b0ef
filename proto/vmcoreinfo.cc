#include "proto/vmcoreinfo.h"

#include <charconv>

namespace lastword {
namespace {

template <class Int>
std::optional<Int> parse(std::optional<std::string_view> text, int base) {
  if (!text) return std::nullopt;
  Int number = 0;
  const char* const end = text->data() + text->size();
  const auto result = std::from_chars(text->data(), end, number, base);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return number;
}

// Calls found(key, value) for each line that has both.
template <class Found>
void for_each_line(std::string_view text, Found found) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos) {
      found(line.substr(0, equals), line.substr(equals + 1));
    }
  }
}

}  // namespace

std::optional<std::string_view> Vmcoreinfo::value(std::string_view key) const {
  std::optional<std::string_view> last;
  for_each_line(text_, [&](std::string_view line_key, std::string_view line_value) {
    if (line_key == key) last = line_value;
  });
  return last;
}

std::optional<std::string_view> Vmcoreinfo::value(std::string_view type,
                                                  std::string_view name) const {
  std::optional<std::string_view> last;
  for_each_line(text_, [&](std::string_view key, std::string_view line_value) {
    if (key.size() == type.size() + name.size() + 2 && key.starts_with(type) &&
        key[type.size()] == '(' && key.ends_with(')') &&
        key.substr(type.size() + 1, name.size()) == name) {
      last = line_value;
    }
  });
  return last;
}

std::optional<std::int64_t> Vmcoreinfo::crash_time() const {
  constexpr std::int64_t kYear10000 = 253'402'300'800;
  const auto seconds = parse<std::int64_t>(value("CRASHTIME"), 10);
  return seconds && *seconds >= 0 && *seconds < kYear10000 ? seconds : std::nullopt;
}

std::optional<std::uint64_t> Vmcoreinfo::symbol(std::string_view name) const {
  return parse<std::uint64_t>(value("SYMBOL", name), 16);
}
std::optional<std::uint64_t> Vmcoreinfo::length(std::string_view name) const {
  return parse<std::uint64_t>(value("LENGTH", name), 10);
}
std::optional<std::uint64_t> Vmcoreinfo::size(std::string_view name) const {
  return parse<std::uint64_t>(value("SIZE", name), 10);
}
std::optional<std::uint64_t> Vmcoreinfo::offset(std::string_view name) const {
  return parse<std::uint64_t>(value("OFFSET", name), 10);
}
std::optional<std::int64_t> Vmcoreinfo::number(std::string_view name) const {
  return parse<std::int64_t>(value("NUMBER", name), 10);
}

}  // namespace lastword
