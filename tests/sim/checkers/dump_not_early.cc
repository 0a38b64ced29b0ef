// I5: a disk that a panicked node dumps to, or may turn to, is never taken early: not before the
// writer has said how the dump ended, the header has not changed for the stall time, nobody has
// shown for the silence time, or the deadline has passed.
//
// Checked where the taker decides (event take-started), with the times at which headers changed on
// the medium: the taker saw them later, so its waits are longer.
#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

class DumpNotEarly final : public Checker {
 public:
  using Checker::Checker;

  void on_event(const Actor& actor, const Event& event, unsigned lun) override {
    if (event.name == "takeover-started") began_.at(actor.node) = now();
    if (event.name != "take-started" || lun >= kMaxLuns) return;
    const std::uint8_t home = watched_.homes[lun];
    if (home == 0 || home == actor.node || holder(lun) == actor.node) return;
    const NodeTruth& victim = watched_.truth.of(home);
    if (!victim.panicked || !victim.dump_to_come) return;
    const HeaderTruth& header = watched_.truth.headers.at(lun);
    if (header.node != home || header.generation != victim.generation) return;
    const Timing& timing = watched_.configs.at(actor.node)->timing;
    if (now() >= victim.panicked_at + timing.deadline() ||
        now() >= began_.at(actor.node) + timing.deadline()) {
      return;
    }
    if (header.attribute == pb::IN_PROGRESS) {
      if (now() < header.changed + timing.stall()) early(actor, lun, "its header changes", event);
      return;
    }
    // The sign may be on a disk that the taker does not see, or that hangs for it.
    if (header.attribute != pb::ARMED || watched_.rates.unseen || watched_.rates.hangs) return;
    Time last_sign = began_.at(actor.node);
    for (unsigned other = 0; other < watched_.homes.size(); ++other) {
      if (watched_.homes[other] != home) continue;
      const HeaderTruth& sign = watched_.truth.headers.at(other);
      // What the taker writes about an earlier dump is no sign of this life's capture kernel.
      if (sign.node != home || sign.generation != victim.generation) continue;
      if (sign.final_end) return;
      // ARMED is the healthy node's word: it is no sign of a capture kernel.
      if (sign.attribute != pb::ARMED) last_sign = std::max(last_sign, sign.changed);
    }
    if (now() < last_sign + timing.silence(1)) {
      early(actor, lun, "the writer may turn to it", event);
    }
  }

 private:
  void early(const Actor& actor, unsigned lun, const char* why, const Event& event) {
    watched_.broken(fmt::format("I5: {}'s {} takes lun {} although {} ({})", node_name(actor.node),
                                actor.process, lun, why, event.detail));
  }

  std::array<Time, 3> began_{};
};

}  // namespace

std::unique_ptr<Checker> check_dump_not_early(const Watched& watched) {
  return std::make_unique<DumpNotEarly>(watched);
}

}  // namespace lastword::sim
