// A program that is run and waited for, but never for longer than it may take.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "proto/error.h"
#include "proto/timing.h"

namespace lastword {

struct ChildOrder {
  // The program first: a path, or a name that is looked for in PATH. Not empty.
  std::vector<std::string> command;
  std::vector<std::string> environment;  // "NAME=value", all of it
  std::string input = {};                // what it finds on its standard input
  milliseconds timeout{};
  milliseconds grace{};  // for each way to end it
  std::function<void(pid_t child)> begun = [](pid_t) {};
};

struct ChildEnd {
  enum class How : std::uint8_t {
    kItself,      // in time
    kTerminated,  // by SIGTERM, at the time-out
    kKilled,      // by SIGKILL, a grace after that
    kNotAtAll,    // not even then: the kernel does not let go of it; it is waited for no longer
  };
  How how = How::kItself;
  int wait_status = 0;  // as waitpid(2) has it; kNotAtAll: 0
};

// The child is the leader of a process group of its own, and whoever it leaves in that group is
// ended with it at the time-out, not otherwise. Its input lies in memory, so that a child which
// does not read holds nothing up; without one it reads nothing (/dev/null). It has SIGPIPE as
// usual. Any thread may call this. kIo: it could not be started.
[[nodiscard]] Result<ChildEnd> run_child(const ChildOrder& order);

}  // namespace lastword
