// The control socket's requests, decided: what a packet asks for, and the reply that can be given
// at once. Pure. agent/daemon/control_socket.h carries the packets.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "agent/daemon/control.pb.h"
#include "agent/records/status.pb.h"
#include "proto/error.h"

namespace lastword {

// No request is longer; a longer packet is none.
inline constexpr std::size_t kMostRequestBytes = 1024;
// No reply is longer: what does not fit is refused.
inline constexpr std::size_t kMostReplyBytes = 65'536;

// kCorrupt: not a request. A kind that this version does not know is a request.
[[nodiscard]] Result<pb::ControlRequest> parse_control_request(std::string_view packet);

// What the agent can do for a client. Called on the agent's loop: none of them may block.
struct ControlHands {
  std::function<pb::StatusAgent()> snapshot = [] { return pb::StatusAgent(); };
  std::function<void()> look = [] {};
  // Calls `answer` with the reply, now or later, from whichever thread.
  using Answer = std::function<void(pb::ControlReply)>;
  std::function<void(Answer answer)> reload;
  // Ends the countdown of a graceful takeover. False: none is running.
  std::function<bool()> cancel = [] { return false; };
};

// Does what is asked, and calls `answer` once, now or later. Where `reload` is missing it is
// refused.
void answer_control(const pb::ControlRequest& request, const ControlHands& hands,
                    const ControlHands::Answer& answer);

// A reply as a packet of at most kMostReplyBytes.
[[nodiscard]] std::string format_control_reply(const pb::ControlReply& reply);

[[nodiscard]] pb::ControlReply refusal(std::string reason, std::string remedy);

}  // namespace lastword
