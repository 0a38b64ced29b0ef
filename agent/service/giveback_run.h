// `lastword giveback`, done: gives the partner's disks back to the life of it that waits for them,
// as giveback_plan.h decides.
//
//   intent RETURNING, durable -> dump disks promised -> the partner has them and is armed
//     -> hook service-returning -> nothing uses the service's disks, caches are written
//     -> service disks promised -> the partner has them -> intent ENDED
//
// This node stays the holder of a disk until the partner has preempted its key: RELEASE is never
// sent. Killed anywhere, it may be run again, and goes on from what intent and labels say.
#pragma once

#include <functional>

#include "agent/disks/survey.h"
#include "agent/node/event.h"
#include "agent/node/hooks.h"
#include "agent/protocol/config.h"
#include "agent/service/giveback_report.h"

namespace lastword {

// What an operator accepts.
struct GivebackOptions {
  bool leave_dump = false;   // a dump that is not saved goes back on its disk
  bool ignore_hook = false;  // a hook service-returning that fails
  bool unarmed = false;      // a partner that is not armed when the service goes back to it
  // The partner waits in this life, and no mailbox disk says so; 0: it speaks for itself.
  std::uint32_t to_life = 0;
};

// All that is referred to outlives the giveback, and what it leaves behind in the kernel.
struct GivebackWork {
  const Config& config;
  Surveyor& surveyor;  // and with it the shelf and the clock
  // giveback-started, disks-promised, promise-failed, disk-returned, service-returning,
  // hook-failed, giveback-called-off, service-taken, giveback-finished, and those of IntentLog.
  EventSink events;
  std::function<Status(const HookInput& input)> run_hook;  // may last
};

// Holds lock_takeover() meanwhile. A report with vetoes: nothing was touched. A report with a
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
