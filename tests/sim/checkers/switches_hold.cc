// What an operator has forbidden is not done by an agent: while DISABLE stands in this node's own
// file, its agent begins no takeover for a proven panic or for silence. It may learn of the switch
// by its next survey only.
#include <fmt/format.h>

#include "agent/node/switches_file.h"
#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

constexpr Time kUntilSeen{12'000'000};  // a survey each 5 s, and one of which each disk hangs

class SwitchesHold final : public Checker {
 public:
  using Checker::Checker;

  void on_event(const Actor& actor, const Event& event, unsigned) override {
    const bool by_itself = event.name == "partner-panicked" || event.name == "takeover-announced";
    if (!by_itself || actor.process != "agent") return;
    const Time since = watched_.truth.of(actor.node).disabled_since;
    if (since < Time{0} || now() < since + kUntilSeen) return;
    // A command that was killed may have ended it.
    const auto kept = load_switches(*watched_.configs.at(actor.node));
    if (!kept || !kept->disable().on()) return;
    watched_.broken(fmt::format("{}'s agent begins a takeover ({}) although it is disabled",
                                node_name(actor.node), event.name));
  }
};

}  // namespace

std::unique_ptr<Checker> check_switches_hold(const Watched& watched) {
  return std::make_unique<SwitchesHold>(watched);
}

}  // namespace lastword::sim
