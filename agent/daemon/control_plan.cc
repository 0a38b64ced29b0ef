#include "agent/daemon/control_plan.h"

#include <fmt/format.h>

#include <utility>

namespace lastword {
namespace {

pb::ControlReply done() {
  pb::ControlReply reply;
  reply.set_done(true);
  return reply;
}

pb::ControlReply unknown(int kind) {
  return refusal(fmt::format("the agent does not know requests of kind {}", kind),
                 "the agent and this command are of two versions: `systemctl restart "
                 "lastword-agent`");
}

}  // namespace

pb::ControlReply refusal(std::string reason, std::string remedy) {
  pb::ControlReply reply;
  reply.set_reason(std::move(reason));
  reply.set_remedy(std::move(remedy));
  return reply;
}

Result<pb::ControlRequest> parse_control_request(std::string_view packet) {
  pb::ControlRequest request;
  if (packet.size() > kMostRequestBytes ||
      !request.ParseFromArray(packet.data(), static_cast<int>(packet.size()))) {
    return fail({.code = Code::kCorrupt,
                 .operation = "read control request",
                 .detail = "it is no request of lastword's; the connection is closed, and nothing "
                           "else happens"});
  }
  return request;
}

void answer_control(const pb::ControlRequest& request, const ControlHands& hands,
                    const ControlHands::Answer& answer) {
  switch (request.kind()) {
    case pb::CONTROL_STATUS: {
      pb::ControlReply reply = done();
      *reply.mutable_agent() = hands.snapshot();
      return answer(std::move(reply));
    }
    case pb::CONTROL_LOOK:
      hands.look();
      return answer(done());
    case pb::CONTROL_RELOAD:
      if (hands.reload) return hands.reload(answer);
      return answer(refusal("this agent cannot read its configuration anew",
                            "`systemctl restart lastword-agent`: it releases nothing"));
    case pb::CONTROL_CANCEL:
      if (hands.cancel()) return answer(done());
      return answer(refusal("this agent counts down to no takeover", ""));
    default:
      return answer(unknown(request.kind()));
  }
}

std::string format_control_reply(const pb::ControlReply& reply) {
  std::string packet = reply.SerializeAsString();
  if (packet.size() <= kMostReplyBytes) return packet;
  return refusal(fmt::format("the reply has {} bytes, and {} at most are sent", packet.size(),
                             kMostReplyBytes),
                 "`systemctl restart lastword-agent`")
      .SerializeAsString();
}

}  // namespace lastword
