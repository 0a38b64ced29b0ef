// `lastword giveback`, done: gives the partner's disks back to the life of it that waits for them,
// as giveback_plan.h decides.
//
//   intent RETURNING, durable -> dump disks promised -> the partner has them and is armed
//     -> hook service-returning -> nothing uses the service's disks, caches are written
//     -> service disks promised -> the partner has them -> intent ENDED
//
// This node stays the holder of a disk until the partner has preempted its key: RELEASE is never
// sent. Killed anywhere, it may be run again, and goes on from what intent and labels say. Where
// something stands against that, and no disk of the service was promised, it is called off: the
// service begins here again, and the intent says TAKEN, or RETURNING to no life where the partner
// has some disks.
#pragma once

#include <cstdint>
#include <functional>

#include "agent/disks/survey.h"
#include "agent/node/event.h"
#include "agent/node/hooks.h"
#include "agent/protocol/config.h"
#include "agent/protocol/node_state.h"
#include "agent/service/giveback_report.h"

namespace lastword {

enum class GivebackBy : std::uint8_t {
  kOperator,
  kRule,     // [giveback] automatic: the intent counts it
  kResumed,  // the agent goes on with one that was begun, by whomever
};

// Who gives back, and what an operator accepts.
struct GivebackOptions {
  bool leave_dump = false;   // a dump that is not saved goes back on its disk
  bool ignore_hook = false;  // a hook service-returning that fails
  bool unarmed = false;      // a partner that is not armed when the service goes back to it
  // The partner waits in this life, and no mailbox disk says so; 0: it speaks for itself.
  std::uint32_t to_life = 0;
  GivebackBy by = GivebackBy::kOperator;
  // Not by an operator: the number of the intent that it was decided on. Where another one counts
  // by now, nothing is done.
  std::uint64_t decided_on = 0;
};
// As the operator had it who began what this intent tells of.
[[nodiscard]] GivebackOptions options_of_resumed(const pb::TakeoverIntent& intent,
                                                 const NodeState& state);

// All that is referred to outlives the giveback, and what it leaves behind in the kernel.
struct GivebackWork {
  const Config& config;
  Surveyor& surveyor;  // and with it the shelf and the clock
  // giveback-started or giveback-resumed, disks-promised, promise-failed, disk-returned,
  // service-returning, hook-failed, giveback-called-off, service-taken, giveback-finished, and
  // those of IntentLog.
  EventSink events;
  std::function<Status(const HookInput& input)> run_hook;  // may last
};

// Holds lock_takeover() meanwhile. A report with vetoes: nothing was touched. One that is resumed
// has none where it could be called off. A report with a
// problem: before a disk of the service was promised, the service goes on here; what the partner
// has got by then stays there. After that its disks are promised or returned, and another giveback
// goes on. Errors: a takeover or another giveback is under way (kRefused), `lastword start` has not
// run (kNotFound), the disks cannot be listed, or the intent could be kept nowhere; nothing was
// promised then.
[[nodiscard]] Result<GivebackReport> give_back(const GivebackWork& work,
                                               const GivebackOptions& options);

// Only says what give_back() would do now. Listens to the partner for some heartbeats, like that.
[[nodiscard]] Result<GivebackReport> try_giveback(const GivebackWork& work,
                                                  const GivebackOptions& options);

}  // namespace lastword
