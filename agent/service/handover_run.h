// `lastword handover`, done: this node leaves its disks to the partner in good order, as
// handover_plan.h decides.
//
//   hook service-leaving -> nothing uses the service's disks, caches are written -> disarmed
//     -> NodeState::handed_over, durable -> PHASE_HANDED_OVER in this node's slots -> the partner
//     has all
//
// This node stays the holder of its disks until the partner has preempted its key, so that nobody
// else can write meanwhile, and no write of this node's can land later. Killed anywhere, it may be
// run again. From NodeState::handed_over on there is no way back in this life.
#pragma once

#include <functional>
#include <string>

#include "agent/disks/survey.h"
#include "agent/node/event.h"
#include "agent/node/hooks.h"
#include "agent/protocol/config.h"
#include "agent/service/handover_report.h"
#include "agent/service/stop_run.h"

namespace lastword {

struct HandoverOptions {
  bool ignore_hook = false;  // a hook service-leaving that fails
  // The partner's request that this answers: once the partner's slot has it no more, it is called
  // off. Empty: an operator of this node ordered it.
  std::string request = {};
};

// All that is referred to outlives the handover, and what it leaves behind in the kernel.
struct HandoverWork {
  const Config& config;
  Surveyor& surveyor;  // and with it the shelf and the clock
  // handover-started, service-leaving, hook-failed, still-armed, handover-not-told, handed-over,
  // handover-called-off, service-returned, armed, not-armed, handover-finished.
  EventSink events;
  std::function<Status(const HookInput& input)> run_hook;  // may last
  Disarm disarm;
  std::function<Status()> arm;  // `lastword arm`, where it is called off; takes lock_state() itself
};

// Holds lock_state() and lock_takeover() until the disks are left or it is called off; the latter
// not while the hook service-leaving runs: a partner that panics then is taken over at once, and
// the handover is called off. A report with vetoes: nothing was touched. A report with a problem:
// as long as this life goes on (load_node_state()) the service runs here again; after that the
// partner takes the disks when it can, or `lastword start` does. Of a life that has left before,
// waits for the partner. Errors: another command or a takeover is at work (kRefused), `lastword
// start` has not run (kNotFound), or the disks cannot be listed; nothing was touched then.
[[nodiscard]] Result<HandoverReport> hand_over(const HandoverWork& work,
                                               const HandoverOptions& options);

// Only says what hand_over() would do now. Listens to the partner for some heartbeats, like that.
[[nodiscard]] Result<HandoverReport> try_handover(const HandoverWork& work);

// Runs the hook service-returned for this node's own disks of the service, and arms: after a
// handover that was killed before this life had left. Events as above.
void serve_again(const HandoverWork& work, const std::vector<std::string>& paths, bool was_armed);

}  // namespace lastword
