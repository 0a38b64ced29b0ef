// What an agent remembers beside its records, for as long as it runs: each wait for a failure
// (failure_watch.h) begins with what the one before knew.
#pragma once

#include <atomic>
#include <string>

#include "agent/protocol/automatic_giveback_plan.h"

namespace lastword {

struct AgentNotes {
  // Of givebacks (return_run.h).
  ReturnMemory returns;
  Instant no_return_before{};
  std::string told_of_returns;

  // Of arming this node (arm_again.h).
  std::atomic<bool> not_armed = false;  // set elsewhere, when arming has failed
  unsigned arm_tries = 0;               // since it failed first
  Instant arm_at{};                     // the next one, at the earliest; not set: none is planned
  std::string why_not_armed;            // as it was told
};

}  // namespace lastword
