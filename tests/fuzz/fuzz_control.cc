// Packets at the agent's control socket, as any process of root may send them; and what an agent
// that is none may answer.
#include "agent/daemon/control_plan.h"
#include "tests/fuzz/memory_files.h"

namespace lastword::fuzz {

std::vector<Input> seeds() {
  std::vector<Input> inputs(1);
  for (const auto kind : {pb::CONTROL_STATUS, pb::CONTROL_LOOK, pb::CONTROL_RELOAD}) {
    pb::ControlRequest request;
    request.set_kind(kind);
    const std::string packet = request.SerializeAsString();
    const auto bytes = std::as_bytes(std::span(packet));
    inputs.emplace_back(bytes.begin(), bytes.end());
  }
  return inputs;
}

void run(std::span<const std::byte> input) {
  const std::string_view packet(reinterpret_cast<const char*>(input.data()), input.size());
  const auto request = parse_control_request(packet);
  if (!request) return;
  FUZZ_REQUIRE(packet.size() <= kMostRequestBytes);
  unsigned answers = 0;
  answer_control(*request, ControlHands(), [&](const pb::ControlReply& reply) {
    ++answers;
    FUZZ_REQUIRE(format_control_reply(reply).size() <= kMostReplyBytes);
  });
  FUZZ_REQUIRE(answers == 1);
}

}  // namespace lastword::fuzz
