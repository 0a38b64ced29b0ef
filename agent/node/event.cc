#include "agent/node/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "agent/base/json.h"
#include "agent/base/utc.h"
#include "agent/node/event.pb.h"

namespace lastword {
namespace {

// Length of the UTF-8 sequence at the front (RFC 3629, 4: no overlong forms, no surrogates); 0:
// there is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [text](std::size_t at) {
    return at < text.size() ? static_cast<std::uint8_t>(text[at]) : std::uint8_t{0};
  };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                             : first >= 0xe0 && first <= 0xef ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  for (std::size_t at = 1; at < length; ++at) {
    if ((byte(at) & 0xc0) != 0x80) return 0;
  }
  const std::uint8_t second = byte(1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
      (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
    return 0;
  }
  return length;
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) {
      out += '?';
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max(length, std::size_t{1}));
  }
  return out;
}

std::string rfc3339(std::int64_t unix_ms) {
  const std::tm parts = utc_fields(unix_ms);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     std::max<std::int64_t>(unix_ms, 0) % 1000);
}

}  // namespace

std::string format_event(const std::string& node, const Event& event, std::int64_t unix_ms) {
  pb::EventLine line;
  line.set_node(valid_utf8(node));
  line.set_event(valid_utf8(event.name));
  line.set_disk(valid_utf8(event.disk));
  line.set_disk_uuid(valid_utf8(event.disk_uuid));
  line.set_detail(valid_utf8(event.detail));
  line.set_time(rfc3339(unix_ms));
  return "lastword-event " + to_json_line(line);
}

}  // namespace lastword
