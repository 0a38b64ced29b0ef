#include "agent/node/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "agent/base/json.h"
#include "agent/base/utc.h"
#include "agent/node/event.pb.h"

namespace lastword {
namespace {

std::string rfc3339(std::int64_t unix_ms) {
  const std::tm parts = utc_fields(unix_ms);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     std::max<std::int64_t>(unix_ms, 0) % 1000);
}

}  // namespace

std::string format_event(const std::string& node, const Event& event, std::int64_t unix_ms) {
  pb::EventLine line;
  line.set_node(node);
  line.set_event(event.name);
  line.set_disk(event.disk);
  line.set_disk_uuid(event.disk_uuid);
  line.set_detail(event.detail);
  line.set_time(rfc3339(unix_ms));
  return "lastword-event " + to_json_line(line);
}

}  // namespace lastword
