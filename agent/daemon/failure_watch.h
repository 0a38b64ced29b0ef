// Watches until something is to be done to the partner's disks: reads the disks and the partner's
// heartbeats again and again, makes facts of them (agent/protocol/watched_facts.h), and carries out
// what the node machine says (agent/protocol/node_table.h).
#pragma once

#include <functional>
#include <optional>

#include "agent/daemon/agent_notes.h"
#include "agent/daemon/heartbeat.h"
#include "agent/daemon/last_seen.h"
#include "agent/daemon/leave_run.h"
#include "agent/daemon/node_run.h"
#include "agent/daemon/receive_run.h"
#include "agent/daemon/return_run.h"
#include "agent/node/event.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// Beside the disks.
struct AgentWatch {
  Heartbeat* heartbeat = nullptr;  // null: silence is not noticed
  std::function<bool()> stop_wanted = [] { return false; };
  // The node machine of this agent; null: one that lasts for this call.
  NodeRun* node = nullptr;
  Settled settled = {};
  // A takeover was refused a moment ago, and is not tried again before: one that is to be resumed,
  // or on silence, or because of a panic of that life of the partner or an earlier one.
  Instant refused_until{};
  std::uint32_t refused_life = 0;
  // Somebody has changed something: the disks are surveyed at once. Each order is told once.
  std::function<bool()> look_wanted = [] { return false; };
  // For a life that waits for its disks.
  ReceiveHands receive = {};
  // For a life that is asked to leave.
  LeaveHands leave = {};
  // For a life whose partner waits for its disks.
  ReturnHands give_back = {};
  // What the agent remembers from one wait to the next; never null.
  std::shared_ptr<AgentNotes> notes = std::make_shared<AgentNotes>();
  // Runs the hooks takeover-announced and takeover-called-off, elsewhere.
  RunHook run_hook = [](const HookInput&) { return Status(); };
};

// Returns what to act on as soon as the node machine takes the partner's disks, or announces that,
// or an operator's countdown is over: the partner has panicked (event partner-panicked) or left its
// disks to this node (event partner-left), is silent, or this node's takeover is to be resumed
// (event takeover-resumed). A panic and silence are held back as long as why_held_back()
// (switches.h) says so (event takeover-held-back). Absent: `stop_wanted`.
//
// Looks at the headers every kPollInterval, and at everything else every few seconds. On the way,
// does what else the machine asks for: closes an intent that is over, takes this node's own disks
// again where the shelf has lost its reservations (event reservations-lost), takes them as they are
// given back (receive_run.h), gives the partner's back (return_run.h), leaves its own
// (leave_run.h), asks the partner to leave (graceful_run.h).
//
// `state` counts until the first look; from then on what `lastword start` last wrote does. Errors:
// no survey can be made at all; the partner has taken over from this node while it lived (kFenced).
// All that is referred to outlives what this leaves behind in the kernel.
[[nodiscard]] Result<std::optional<Failure>> wait_for_failure(const Config& config,
                                                              const NodeState& state,
                                                              Surveyor& surveyor,
                                                              const EventSink& events,
                                                              const AgentWatch& watch = {});

}  // namespace lastword
