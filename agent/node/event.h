// Events: what happened, one line each, for people (journal, console) and for machines (the demo,
// hooks, --json). A line reads
//   lastword-event {"node":"beta","event":"service-taken","time":"2024-05-01T10:00:00.250Z"}
// with the fields of agent/node/event.proto.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "proto/timing.h"

namespace lastword {

struct Event {
  std::string name;    // "service-taken", "disk-taken", "dump-disk-claimed", "dump-saved", ...
  std::string disk;    // path on this node; empty where it does not apply
  std::string detail;  // free text; empty where there is nothing to add
  std::string disk_uuid = {};  // the same on both nodes, whatever they call the disk
  // What the event tells of began so long before it: the panic, or the silence. 0: not known.
  milliseconds ago{};
};

// May be called by several threads at once.
using EventSink = std::function<void(const Event&)>;

// "lastword-event {...}" of something that happened at `unix_ms`. Bytes that are not UTF-8 become
// '?': a serial number read from a damaged disk must not cost the event.
[[nodiscard]] std::string format_event(const std::string& node, const Event& event,
                                       std::int64_t unix_ms);

}  // namespace lastword
