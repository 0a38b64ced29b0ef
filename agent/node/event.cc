#include "agent/node/event.h"

#include <fmt/format.h>

namespace lastword {
namespace {

// JSON string escapes (RFC 8259, 7): quotes, backslashes and control characters.
std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace

std::string format_event(const std::string& node, const Event& event) {
  std::string line = fmt::format("lastword-event {{\"node\":{},\"event\":{}", json_quoted(node),
                                 json_quoted(event.name));
  if (!event.disk.empty()) line += fmt::format(",\"disk\":{}", json_quoted(event.disk));
  if (!event.disk_uuid.empty())
    line += fmt::format(",\"disk_uuid\":{}", json_quoted(event.disk_uuid));
  if (!event.detail.empty()) line += fmt::format(",\"detail\":{}", json_quoted(event.detail));
  return line + "}";
}

}  // namespace lastword
