// The operator's own programs, run at events.
#pragma once

#include <string>
#include <vector>

#include "proto/error.h"

namespace lastword {

// What a hook is told, in these variables of its environment. Lists are of paths, with one space
// between two.
struct HookInput {
  std::string event;                            // LASTWORD_EVENT
  std::string detail;                           // LASTWORD_DETAIL, for people
  std::vector<std::string> disks = {};          // LASTWORD_DISKS: held, `new_disks` among them
  std::vector<std::string> new_disks = {};      // LASTWORD_NEW_DISKS: not told of before
  std::vector<std::string> missing_disks = {};  // LASTWORD_MISSING_DISKS: not held, or not yet
  // LASTWORD_OPENERS, "DISK NAME (PID)", a line each: what had a new disk open before it was taken,
  // and may go on with what it read then.
  std::vector<std::string> openers = {};
};

// Runs `program` and waits for it; one at a time, whoever calls. An empty program is no hook. kIo
// when it could not be started or ended with a status other than 0.
[[nodiscard]] Status run_hook(const std::string& program, const HookInput& input);

}  // namespace lastword
