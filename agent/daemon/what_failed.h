// What a takeover is to act on, made of what was seen last; each tells why (an event).
#pragma once

#include "agent/daemon/last_seen.h"
#include "agent/node/event.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// The header of that disk (index into the survey) shows a panic: event partner-panicked. Where
// this node's takeover from that life was begun, it is gone on with: event takeover-resumed before.
[[nodiscard]] Failure failure_of_panic(const LastSeen& seen, const Config& config, std::size_t disk,
                                       const EventSink& events);
// That life of the partner has left its disks to this node: event partner-left.
[[nodiscard]] Failure failure_of_left(const LastSeen& seen, const Config& config,
                                      std::uint32_t life, const EventSink& events);
// This node's intent, which is there, is to be gone on with: event takeover-resumed. `heard`: the
// newest slot of the partner that came to this node.
[[nodiscard]] Failure failure_resumed(const LastSeen& seen, const Config& config,
                                      const std::optional<pb::MailboxSlot>& heard,
                                      const EventSink& events);

}  // namespace lastword
