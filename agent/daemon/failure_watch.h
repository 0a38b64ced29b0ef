// Waits for the partner's failure: reads the disks and the partner's heartbeats again and again,
// and asks agent/protocol/failure_plan.h, takeover_intent.h and peer_watch.h what they mean.
#pragma once

#include <functional>
#include <optional>

#include "agent/daemon/heartbeat.h"
#include "agent/daemon/leave_run.h"
#include "agent/daemon/receive_run.h"
#include "agent/daemon/return_run.h"
#include "agent/node/event.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// Beside the disks.
struct AgentWatch {
  Heartbeat* heartbeat = nullptr;  // null: silence is not noticed
  std::function<bool()> stop_wanted = [] { return false; };
  // The number of the intent whose takeover this agent has ended, with something left for a person
  // to look at. It is not resumed again by itself; 0: none.
  std::uint64_t settled = 0;
  // A takeover was refused a moment ago, and is not tried again before: one that is to be resumed,
  // or on silence, or because of a panic of that life of the partner or an earlier one.
  Instant refused_until{};
  std::uint32_t refused_life = 0;
  // For a life that waits for its disks.
  ReceiveHands receive = {};
  // For a life that is asked to leave.
  LeaveHands leave = {};
  // For a life whose partner waits for its disks.
  ReturnHands give_back = {};
};

// Returns what to act on as soon as has_panicked() holds, the partner has left its disks to this
// node (life_to_take_from(), event partner-left), it is silent and may_act_on_silence(), or this
// node's intent is to be resumed. A panic and silence are held back as long
// as why_held_back() (switches.h) says so (event takeover-held-back). Absent: `stop_wanted`. An
// intent whose victim lives again, or that was no more than an announcement, is closed and reported
// (event takeover-ended), not acted on. Looks at the headers every kPollInterval, and at everything
// else every few seconds. On the way, takes this node's own disks again where the shelf has lost
// its reservations (event reservations-lost), and brings its slots on the mailbox disks up to date
// where a write failed (update_slot() in own_slot.h). A life that waits takes its disks as they are
// given back (receive_run.h). One that the partner asks to leave does that (leave_run.h); one that
// has left takes nothing over. `state` counts until the first look; from
// then on what `lastword start` last wrote does. Errors: no survey can be made at all; the
// partner has taken over from this node while it lived (kFenced). All that is
// referred to outlives what this leaves behind in the kernel.
[[nodiscard]] Result<std::optional<Failure>> wait_for_failure(const Config& config,
                                                              const NodeState& state,
                                                              Surveyor& surveyor,
                                                              const EventSink& events,
                                                              const AgentWatch& watch = {});

}  // namespace lastword
