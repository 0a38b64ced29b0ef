// The other end of the agent's control socket, for the commands of this node.
#pragma once

#include <string>

#include "agent/daemon/control.pb.h"
#include "proto/error.h"
#include "proto/timing.h"

namespace lastword {

// The agent answers at its next poll, unless it hangs.
inline constexpr milliseconds kAgentPatience{2'000};

// Sends the request and waits for the reply, `patience` at most. kNotFound: no agent runs here.
// kTimeout: one runs and does not answer; detail says what to do. kCorrupt: what came is no reply.
// kIo: the system refuses, as it does to who is not root.
[[nodiscard]] Result<pb::ControlReply> ask_agent(const std::string& state_directory,
                                                 pb::ControlKind kind,
                                                 milliseconds patience = kAgentPatience);

// Something was changed that the agent would see at its next survey only. An agent that does not
// run, or hangs, sees it later.
void tell_agent_to_look(const std::string& state_directory);

}  // namespace lastword
