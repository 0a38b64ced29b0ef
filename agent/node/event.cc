#include "agent/node/event.h"

#include <fmt/format.h>

#include <ctime>

#include "agent/base/json.h"
#include "agent/node/event.pb.h"

namespace lastword {
namespace {

std::string rfc3339(std::chrono::system_clock::time_point time) {
  const auto since_epoch = std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch();
  const std::chrono::milliseconds fraction = since_epoch % std::chrono::seconds(1);
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count();
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     fraction.count());
}

}  // namespace

std::string format_event(const std::string& node, const Event& event,
                         std::chrono::system_clock::time_point time) {
  pb::EventLine line;
  line.set_node(node);
  line.set_event(event.name);
  line.set_disk(event.disk);
  line.set_disk_uuid(event.disk_uuid);
  line.set_detail(event.detail);
  line.set_time(rfc3339(time));
  return "lastword-event " + to_json_line(line);
}

}  // namespace lastword
