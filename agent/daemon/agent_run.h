// A takeover with this machine's shelf, hooks and recovery: at once (`lastword takeover`), or when
// the partner's failure shows (`lastword agent`). One at a time on a machine (lock_takeover()).
//
// What runs for as long as a node is in service belongs in this folder: a heartbeat too
// (failure_watch.h).
#pragma once

#include "agent/node/event.h"
#include "agent/takeover/takeover_report.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// What a takeover calls besides disks; tests put others here.
struct TakeoverHands {
  RunHook run_hook;
  RecoverDump recover;
};
// This machine's hook and recovery. `config` outlives the result.
[[nodiscard]] TakeoverHands hands_of_this_machine(const Config& config);

// Takes over now, because an operator says that the partner failed. kRefused: another takeover is
// under way on this node. kNotFound: `lastword start` has not run since boot. Otherwise the errors
// of take_over().
[[nodiscard]] Result<TakeoverReport> take_over_now(const Config& config, Surveyor& surveyor,
                                                   const EventSink& events,
                                                   const TakeoverHands& hands);

// Takes over once the partner's failure shows: see wait_for_failure(). Where an operator's takeover
// is under way by then, waits for its end, and takes over what it left undone. Errors: those of
// wait_for_failure() and of take_over_now(), but for kRefused because of another takeover.
[[nodiscard]] Result<TakeoverReport> watch_and_take_over(const Config& config, Surveyor& surveyor,
                                                         const EventSink& events,
                                                         const TakeoverHands& hands);

}  // namespace lastword
