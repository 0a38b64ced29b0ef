// The turn of a hook among all processes of this node. A hook outlives an agent that is killed, and
// `lastword handover` runs hooks beside the agent: whose hook is at work is noted in the state
// directory, by process and the time at which it began.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "agent/node/hook_plan.h"
#include "proto/timing.h"

namespace lastword {

class NodeTurn {
 public:
  // Waits until no hook of this turn is at work. One whose time is over, and that the process which
  // began it has not ended, is ended with its group: that process is gone, or stands still. Of
  // kOwn, in a hook of the same turn (a hook that runs lastword), without a directory and where it
  // cannot be written, nothing is waited for.
  NodeTurn(const std::string& state_directory, HookTurn turn, milliseconds grace);
  ~NodeTurn();  // the next one's turn
  NodeTurn(const NodeTurn&) = delete;
  NodeTurn& operator=(const NodeTurn&) = delete;

  // A caller that is killed between the start of its hook and this leaves a hook that nobody waits
  // for.
  void hook_began(pid_t hook, milliseconds timeout);

 private:
  std::string path_;  // empty: nothing is noted
  std::string noted_;
  milliseconds grace_;
};

}  // namespace lastword
