// What a takeover works with.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/disks/survey.h"
#include "agent/node/event.h"
#include "agent/node/hooks.h"
#include "agent/protocol/config.h"
#include "agent/protocol/node_state.h"

namespace lastword {

// Saves the dump on a disk that this node holds. Returns where the core went. Calls `on_progress`
// as it goes on, on its own thread.
using RecoverDump = std::function<Result<std::string>(const DiskView& disk,
                                                      const std::function<void()>& on_progress)>;
// Runs the hook of an event to its end, or ends it.
using RunHook = std::function<Status(const HookInput& input)>;

// Before the service of `input`'s new disks is announced, which come from another life: the hook
// `resume`. It has the time of a hook, and whether it succeeds does not matter to the service.
[[nodiscard]] inline Status resume_pending(const RunHook& run_resume, HookInput input) {
  if (!run_resume || input.new_disks.empty()) return {};
  input.detail = "before " + input.event + ": " + input.detail;
  input.event = "resume";
  return run_resume(input);
}

// What a takeover acts on.
struct Failure {
  Look look;
  // The partner's life that failed; a key of a later one is respected, on every disk. Absent: an
  // operator says that the partner failed.
  std::optional<std::uint32_t> generation = {};
  // The partner gave no heartbeat for the silence time, in the life `generation`.
  bool silent = false;
  // The partner's capture kernel says itself that this life has panicked: that node cannot race.
  bool proven = false;
  // The life `generation` has left its disks to this node in good order.
  bool released = false;
  // An operator wants the takeover, whatever the partner says.
  bool ordered = false;
  // The operator knows that the partner counts votes, and that this node sees no mailbox disk.
  bool without_votes = false;
  // This node had begun that takeover, and was interrupted.
  bool resumed = false;
  // No majority is needed against such a node.
  [[nodiscard]] bool cannot_race() const { return proven || released; }
};

// Ends a takeover from its loop: this node is fenced, or, where the error is absent, to stop.
using EndTakeover = std::function<void(const std::optional<Error>& fenced)>;

// Everything referred to outlives the takeover, and what it leaves behind in the kernel. A hook or
// a recovery that hangs may outlive all of it: these two own copies of what they need.
struct TakeoverWork {
  const Config& config;
  const NodeState& state;
  Surveyor& surveyor;   // and with it the shelf, the clock and the threads
  EventSink events;     // called on the takeover's thread only
  RunHook run_hook;     // called elsewhere (executor.h): may last
  RunHook resume = {};  // likewise; see resume_pending()
  RecoverDump recover;  // likewise
  // The set of mailbox disks that the partner was heard to count by (PartnerSeen); 0: unknown.
  std::uint64_t heard_set = 0;
  // What else is to be looked after on the takeover's loop, for as long as what this returns lives:
  // until the loop has run for the last time.
  // `takes`: commands that take a disk are under way, which others would slow down: each PREEMPT
  // AND ABORT waits for them (storage/block/disk_turn.h).
  std::function<std::shared_ptr<void>(Loop& loop, std::function<bool()> takes, EndTakeover end)>
      guard = {};
  // Called there once, when the votes are won, or none was needed.
  std::function<void()> on_majority = [] {};

  [[nodiscard]] Executor& executor() const { return surveyor.executor(); }
  [[nodiscard]] Shelf& shelf() const { return surveyor.shelf(); }
};

}  // namespace lastword
