// The node machine: no agent meets an event that the table calls impossible
// (agent/protocol/node_table.h). Not covered: whether an agent's state fits what is really the
// case; that is for the checkers of its deeds.
#include <fmt/format.h>

#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

class Table final : public Checker {
 public:
  using Checker::Checker;

  void on_event(const Actor& actor, const Event& event, unsigned) override {
    if (event.name != "state-impossible") return;
    watched_.broken(fmt::format("table: {}'s {} met {}", node_name(actor.node), actor.process,
                                event.detail));
  }
};

}  // namespace

std::unique_ptr<Checker> check_table(const Watched& watched) {
  return std::make_unique<Table>(watched);
}

}  // namespace lastword::sim
