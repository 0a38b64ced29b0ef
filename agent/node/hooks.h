// The operator's own programs, run at events.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/protocol/config.h"
#include "proto/error.h"
#include "proto/timing.h"

namespace lastword {

// What a hook is told: in these variables of its environment, where lists are of paths, with one
// space between two; and as the JSON of agent/node/hook_input.proto on its standard input.
struct HookInput {
  std::string event;                            // LASTWORD_EVENT
  std::string detail;                           // LASTWORD_DETAIL, for people
  std::vector<std::string> disks = {};          // LASTWORD_DISKS: held, `new_disks` among them
  std::vector<std::string> new_disks = {};      // LASTWORD_NEW_DISKS: not told of before
  std::vector<std::string> missing_disks = {};  // LASTWORD_MISSING_DISKS: not held, or not yet
  // LASTWORD_UNREADABLE_DISKS: of `missing_disks`, those that this node has reserved and cannot
  // read.
  std::vector<std::string> unreadable_disks = {};
  // LASTWORD_STALE: of `disks`, those of which this node may still read what it had cached before.
  std::vector<std::string> stale_disks = {};
  // LASTWORD_OPENERS, a line each: "DISK NAME (PID)", "DISK sdb1 is mounted on /srv". What used a
  // new disk before it was taken, and may go on with what it read then.
  std::vector<std::string> openers = {};
  // Not told: asked when the hook has its turn, for which it may have waited. False: it is not run.
  std::function<bool()> wanted = {};
};

struct Hook {
  std::string program;  // empty: no hook
  milliseconds timeout{};
  milliseconds grace = kHookGrace;  // from SIGTERM to SIGKILL
  // Where processes of this node note whose hook is at work (hook_turn.h); empty: they do not.
  std::string state_directory = {};
};

// The hook of this event, by choose_hook() (hook_plan.h) and by what is in the directory now.
[[nodiscard]] Hook hook_of(const Hooks& hooks, const std::string& event,
                           const std::string& state_directory = {});

// Runs the hook and waits for it, when its turn comes (HookTurn), whoever calls, in whichever
// process of this node; one that an ended process has left at work is waited for too. At its
// time-out all processes of its group are ended. kIo when it could not be started or ended with a
// status other than 0, kTimeout when it had to be ended. One that is not wanted any more has gone
// well.
[[nodiscard]] Status run_hook(const Hook& hook, const HookInput& input);

}  // namespace lastword
