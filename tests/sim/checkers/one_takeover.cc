// I4: the takeovers of both nodes never overlap, where they have mailbox disks. A node is at its
// takeover from the first key of the partner's that it removes from a disk of the service or of
// dumps until it says that the takeover is finished or ended, or its life is over.
//
// Not checked after a power loss in which the shelf forgot registrations, since votes are among
// them; nor where a node counts no votes.
#include <fmt/format.h>

#include "agent/node/state_files.h"
#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

class OneTakeover final : public Checker {
 public:
  using Checker::Checker;

  void on_event(const Actor& actor, const Event& event, unsigned) override {
    if (event.name == "takeover-finished" || event.name == "takeover-ended") {
      taking_.at(actor.node) = {};
    }
  }

  void on_executed(const Executed& executed) override {
    const bool preempts = executed.about.command == fake::Command::kPreempt ||
                          executed.about.command == fake::Command::kPreemptAndAbort;
    if (!preempts || executed.late || is_mailbox(executed.about.lun)) return;
    if (takes_stray_away(executed) || takes_promised(executed)) return;
    const std::uint8_t taker = executed.actor.node;
    for (const KeyParts& removed : removed_by(executed)) {
      if (removed.node == taker) continue;
      Taking& taking = taking_.at(taker);
      const bool goes_on =
          taking.boot == executed.actor.boot && taking.victim == removed.boot_generation;
      if (!goes_on) {
        taking = {.boot = executed.actor.boot,
                  .victim = removed.boot_generation,
                  .votes = counts_votes(taker)};
      }
      check(executed, removed.node);
    }
  }

 private:
  struct Taking {
    unsigned boot = 0;  // of the taker; 0: takes nothing
    Generation victim = 0;
    bool votes = false;  // were counted by the taker when it began
  };

  [[nodiscard]] bool is_at_it(std::uint8_t node) const {
    const NodeTruth& truth = watched_.truth.of(node);
    const Taking& taking = taking_.at(node);
    return taking.boot == truth.boot && truth.powered && !truth.panicked &&
           taking.victim == watched_.truth.of(partner_of(node)).generation;
  }
  [[nodiscard]] bool counts_votes(std::uint8_t node) const {
    const auto life = load_last_life(*watched_.configs.at(node));
    return life && !life->mailbox_disks.empty();
  }
  void check(const Executed& executed, std::uint8_t victim) {
    const std::uint8_t taker = executed.actor.node;
    if (watched_.truth.power_lost >= Time{0}) return;
    if (!is_at_it(taker) || !is_at_it(victim)) return;
    if (!taking_.at(taker).votes || !taking_.at(victim).votes) return;
    watched_.broken(fmt::format("I4: {}'s {} takes lun {} while {} is at a takeover from {}",
                                node_name(taker), executed.actor.process, executed.about.lun,
                                node_name(victim), node_name(taker)));
  }

  std::array<Taking, 3> taking_{};
};

}  // namespace

std::unique_ptr<Checker> check_one_takeover(const Watched& watched) {
  return std::make_unique<OneTakeover>(watched);
}

}  // namespace lastword::sim
