// I5: a disk that a panicked node dumps to, or may turn to, is never taken early: not before the
// writer has said how the dump ended, the header has not changed for the stall time, nobody has
// shown for the silence time, or the deadline has passed.
//
// Checked where the taker decides (event take-started), with the times at which headers changed on
// the medium: the taker saw them later, so its waits are longer. A sign of life is what the writer
// wrote. A taker that ends a dump which stalled gives no sign: it counts on from the stall time, by
// which a writer that lives has left the disk, as docs/protocol.md says. One that stood still, and
// wakes later, finds its key gone and turns to no other disk.
//
// Who panics in the middle of a takeover, as a node that is fenced does, has its armed disks for
// the silence time from when the takeover began, and a dump that has begun by then goes on.
//
// Not looked at: a takeover of an earlier life of that node's. It removes no key of the life that
// dumps now (checkers/intent_first.cc), so that this life keeps its disks.
//
// Not counted: signs on a disk that the taker could not read when its takeover began. It knows
// nothing of such a disk, not even whose it is. Nor a writer that has turned to a disk because the
// target answered too late that the dump on another one is complete: nothing is lost by it.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

class DumpNotEarly final : public Checker {
 public:
  using Checker::Checker;

  void on_event(const Actor& actor, const Event& event, unsigned lun) override {
    if (event.name == "takeover-started") note_beginning(actor);
    if (event.name == "disk-sick" && lun < kMaxLuns &&
        (event.detail.find(": survey: ") != std::string::npos ||
         event.detail.find(": read: ") != std::string::npos)) {
      begun_[&actor].known.at(lun) = false;
    }
    if (event.name != "take-started" || lun >= kMaxLuns) return;
    const Begun& begun = begun_[&actor];
    const std::uint8_t home = watched_.homes[lun];
    if (home == 0 || home == actor.node || holder(lun) == actor.node) return;
    const NodeTruth& victim = watched_.truth.of(home);
    if (!victim.panicked || !victim.dump_to_come) return;
    if (begun.victim_life < victim.generation) return;
    const HeaderTruth& header = watched_.truth.headers.at(lun);
    if (header.node != home || header.generation != victim.generation) return;
    const Timing& timing = watched_.configs.at(actor.node)->timing;
    if (now() >= victim.panicked_at + timing.deadline() || now() >= begun.at + timing.deadline()) {
      return;
    }
    if (ended_for_good(home, victim)) return;
    const bool lived = victim.panicked_at > begun.at;
    if (header.attribute == pb::IN_PROGRESS) {
      // Who panics in the middle of a takeover begins a dump when the wait for one may be over.
      const Time look = Time(kPollInterval + timing.settings.io_timeout);
      if (lived && now() < header.dumping + look) return;
      if (now() < header.changed + timing.stall()) early(actor, lun, "its header changes", event);
      return;
    }
    if (header.attribute != pb::ARMED) return;
    Time last_sign = begun.at;
    for (unsigned other = 0; other < watched_.homes.size(); ++other) {
      if (watched_.homes[other] != home) continue;
      const HeaderTruth& sign = watched_.truth.headers.at(other);
      // What the taker writes about an earlier dump is no sign of this life's capture kernel.
      if (sign.node != home || sign.generation != victim.generation) continue;
      if (begun.known.at(other) && !lived) last_sign = std::max(last_sign, sign.sign);
    }
    if (now() < last_sign + timing.silence(1)) {
      early(actor, lun, "the writer may turn to it", event);
    }
  }

 private:
  // What a node's program that takes over began with. Two may be at work where /run is lost.
  struct Begun {
    Time at{0};
    Generation victim_life = 0;
    std::array<bool, kMaxLuns> known{};  // it could read the disk
  };

  // Its survey waits for a disk that hangs for some I/O time-outs at most.
  void note_beginning(const Actor& actor) {
    Begun& begun = begun_[&actor];
    begun.at = now();
    begun.victim_life = watched_.truth.of(partner_of(actor.node)).generation;
    const Time survey = 2 * Time(watched_.configs.at(actor.node)->timing.settings.io_timeout);
    for (unsigned lun = 0; lun < watched_.homes.size(); ++lun) {
      begun.known.at(lun) = watched_.readable_since(actor.node, lun, now() - survey);
    }
  }
  [[nodiscard]] bool ended_for_good(std::uint8_t home, const NodeTruth& victim) const {
    for (unsigned lun = 0; lun < watched_.homes.size(); ++lun) {
      const HeaderTruth& header = watched_.truth.headers.at(lun);
      const bool of_this_crash = header.node == home && header.generation == victim.generation;
      if (watched_.homes[lun] == home && of_this_crash && header.final_end) return true;
    }
    return false;
  }
  void early(const Actor& actor, unsigned lun, const char* why, const Event& event) {
    watched_.broken(fmt::format("I5: {}'s {} takes lun {} although {} ({})", node_name(actor.node),
                                actor.process, lun, why, event.detail));
  }

  std::map<const Actor*, Begun> begun_;
};

}  // namespace

std::unique_ptr<Checker> check_dump_not_early(const Watched& watched) {
  return std::make_unique<DumpNotEarly>(watched);
}

}  // namespace lastword::sim
