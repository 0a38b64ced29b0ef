// For commands that change what this node's agent sees at its next survey only.
#pragma once

#include <string>

#include "agent/daemon/control_client.h"
#include "agent/protocol/config.h"

namespace lastword {

// Tells the agent at its end, whatever came of the command. An agent that does not run is no
// reason to fail.
class AgentNotice {
 public:
  explicit AgentNotice(const Config& config) : state_directory_(config.state_directory) {}
  ~AgentNotice() { tell_agent_to_look(state_directory_); }
  AgentNotice(const AgentNotice&) = delete;
  AgentNotice& operator=(const AgentNotice&) = delete;

 private:
  std::string state_directory_;
};

}  // namespace lastword
