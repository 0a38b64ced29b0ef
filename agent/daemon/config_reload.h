// What a change of the configuration file means to an agent that runs. The agent does not change
// its settings on the way: every part of it, and every thread that hangs in the kernel, uses them.
// It is restarted for them, which releases nothing.
#pragma once

#include <string>

#include "agent/base/executor.h"
#include "agent/daemon/control_plan.h"

namespace lastword {

// `running`: the text of the file when the agent began. Reads the file, and may block. done: the
// file is what the agent runs with. Otherwise the reply says that it is good and the agent is to be
// restarted, or all that is wrong with it, each with file, line and what to do.
[[nodiscard]] pb::ControlReply check_reload(const std::string& path, const std::string& running);

// Does that elsewhere, for ControlHands::reload.
[[nodiscard]] std::function<void(ControlHands::Answer)> reload_elsewhere(const std::string& path,
                                                                         Executor& executor);

}  // namespace lastword
