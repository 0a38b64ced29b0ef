// What runs for as long as a node is in service (`lastword agent`), and a takeover at once
// (`lastword takeover`), with this machine's shelf, hooks and recovery. One takeover at a time on a
// machine (lock_takeover()).
#pragma once

#include <optional>

#include "agent/daemon/failure_watch.h"
#include "agent/node/event.h"
#include "agent/takeover/takeover_report.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// What a takeover calls besides disks; tests put others here.
struct TakeoverHands {
  RunHook run_hook;  // of the event that the input names
  RecoverDump recover;
  RunHook resume = {};                                    // see resume_pending()
  std::function<Status()> arm = [] { return Status(); };  // `lastword arm`
  std::function<void()> panic = [] {};                    // does not return
  // `lastword disarm`
  Disarm disarm = [](const NodeState&, const Survey&) { return Result<std::vector<Error>>(); };
};
// This machine's hooks, recovery and capture kernel. `config` outlives the result.
[[nodiscard]] TakeoverHands hands_of_this_machine(const Config& config);

// Takes over now, because an operator says that the partner failed. `without_votes`: although the
// partner counts votes by mailbox disks, and this node has never seen one. kRefused: another
// takeover is under way on this node. kNotFound: `lastword start` has not run since boot. Otherwise
// the errors of take_over().
[[nodiscard]] Result<TakeoverReport> take_over_now(const Config& config, Surveyor& surveyor,
                                                   const EventSink& events,
                                                   const TakeoverHands& hands,
                                                   bool without_votes = false);

// Takes over once the partner's failure shows: see wait_for_failure(). A partner that is silent is
// taken over from when it has had a moment to show that it lives (silence_run.h). Where an
// operator's takeover is under way by then, waits for its end, and takes over what it left undone.
// Absent: `watch.stop_wanted`. Errors: those of wait_for_failure() and of take_over_now(), but for
// kRefused because of another takeover.
[[nodiscard]] Result<std::optional<TakeoverReport>> watch_and_take_over(
    const Config& config, Surveyor& surveyor, const EventSink& events, const TakeoverHands& hands,
    const AgentWatch& watch = {});

// The same again and again, until `watch.stop_wanted`; says then that no heartbeat follows. Waits
// for `lastword start` where it has not run since boot (event waiting-for-start). What a takeover
// left undone is told (event takeover-finished), and not tried again by itself. After a takeover
// that found no majority it goes on watching. Errors: the partner has taken over from this node
// (kFenced; event and hook `fenced`, and the machine panics, or does not: Config::when_fenced), or
// the system fails.
[[nodiscard]] Status run_agent(const Config& config, Surveyor& surveyor, const EventSink& events,
                               const TakeoverHands& hands, AgentWatch watch);

}  // namespace lastword
