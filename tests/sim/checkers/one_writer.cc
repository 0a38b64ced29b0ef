// I1: at most one node can write a disk of the service, queued writes included.
//
// Three ways to break it. Both services were told that the disk is theirs, and the target admits
// both. Or a write of the other node lands after a service was told, while that node holds the
// disk: one that the target had accepted before, for example. Or a disk is given back while
// something of the giver's still writes to it.
//
// Without a reservation everybody may write (a target without APTPL that lost power):
// docs/protocol.md has rows for it, and this says nothing then. Nor does it between RESERVE of a
// free disk and the taker's first record: writes that the target accepted before may still land.
#include <fmt/format.h>

#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

class OneWriter final : public Checker {
 public:
  using Checker::Checker;

  void on_told(const Actor& actor, unsigned lun) override {
    // Told too late: another node has the disk by now, and the first write will show it.
    if (holder(lun) == actor.node) note_taken(actor.node, lun);
    check_admission(lun);
  }

  void on_executed(const Executed& executed) override {
    const unsigned lun = executed.about.lun;
    if (!is_service(lun) || !executed.about.outcome->has_value()) return;
    if (!executed.before.empty()) check_admission(lun);
    if (executed.about.command == fake::Command::kReserve) exposed_.at(lun) = true;
    if (takes_promised(executed)) check_giver(executed);
    if (executed.about.command != fake::Command::kWrite) return;
    const std::uint8_t writer = executed.actor.node;
    const std::uint8_t told = told_.at(lun);
    if (told == writer && executed.actor.process != "service") note_taken(writer, lun);
    if (told == 0 || told == writer || holder(lun) != told) return;
    if (exposed_.at(lun)) return;
    watched_.broken(fmt::format(
        "I1: a write of {}'s {} lands at byte {} of lun {}, which {} holds, "
        "as its service was told",
        node_name(writer), executed.actor.process, executed.about.offset, lun, node_name(told)));
  }

 private:
  void note_taken(std::uint8_t node, unsigned lun) {
    told_.at(lun) = node;
    exposed_.at(lun) = false;
  }
  // The service of who gives a disk back has ended there.
  void check_giver(const Executed& executed) {
    const unsigned lun = executed.about.lun;
    for (const KeyParts& removed : removed_by(executed)) {
      const NodeTruth& giver = watched_.truth.of(removed.node);
      if (removed.node == executed.actor.node || giver.generation != removed.boot_generation)
        continue;
      if (!giver.powered || giver.panicked || !giver.serves.at(lun)) continue;
      watched_.broken(fmt::format("I1: {} takes lun {}, which {} has promised and still serves",
                                  node_name(executed.actor.node), lun, node_name(removed.node)));
    }
  }
  void check_admission(unsigned lun) {
    if (!watched_.shelf.reservation(lun)) return;
    for (const std::uint8_t node : kNodes) {
      const NodeTruth& truth = watched_.truth.of(node);
      if (!truth.powered || truth.panicked || !truth.serves.at(lun) || !admitted(node, lun)) return;
    }
    watched_.broken(fmt::format("I1: both nodes serve lun {}, and the target admits both", lun));
  }

  std::array<std::uint8_t, kMaxLuns> told_{};  // the last one, by logical unit
  std::array<bool, kMaxLuns>
      exposed_{};  // reserved where nobody held it, and no record written since
};

}  // namespace

std::unique_ptr<Checker> check_one_writer(const Watched& watched) {
  return std::make_unique<OneWriter>(watched);
}

}  // namespace lastword::sim
