#include "agent/node/event.h"

#include "agent/base/json.h"
#include "agent/base/utc.h"
#include "agent/node/event.pb.h"

namespace lastword {

std::string format_event(const std::string& node, const Event& event, std::int64_t unix_ms) {
  pb::EventLine line;
  line.set_node(node);
  line.set_event(event.name);
  line.set_disk(event.disk);
  line.set_disk_uuid(event.disk_uuid);
  line.set_detail(event.detail);
  line.set_time(utc_time_with_ms(unix_ms));
  return "lastword-event " + to_json_line(line);
}

}  // namespace lastword
