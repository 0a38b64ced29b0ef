// How a seizure (agent/protocol/seize_plan.h) goes on when it fails. With type 5 every registrant
// writes, so a registration that is left for a moment is a danger for that moment:
//
// - A seizure that has seen its key registered does not register it again after another node has
// removed
//   it: it is fenced (kFenced). A look before the seizure, which asks for capabilities, does not
//   count; whoever has read that disk's records once more, or has begun a takeover, is at another
//   seizure.
// - A node that gives a disk up has looked whether its key is there, or has taken it away: it does
// not
//   leave it beside another holder.
//
// Not covered: mailbox disks, on which both nodes are registered; a REGISTER that is executed late;
// a target that registers and answers that it did not (ShelfOptions::aptpl_store_missing). Of
// `start` it is not seen when it gives a disk up.
#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

using fake::Command;

class Seizures final : public Checker {
 public:
  using Checker::Checker;

  void on_sent(const Actor& actor, const fake::CommandTrace& about) override {
    if (actor.service || actor.capture) return;
    last_.at(actor.node).at(about.lun) = {
        .process = actor.process, .command = about.command, .key = about.own};
  }

  void on_executed(const Executed& executed) override {
    const fake::CommandTrace& about = executed.about;
    if (is_mailbox(about.lun)) return;
    const std::uint8_t node = executed.actor.node;
    switch (about.command) {
      case Command::kRead:
        fenced_.at(node).at(about.lun) = {};
        known_.at(node).at(about.lun) = false;
        return;
      case Command::kReportCapabilities:
        known_.at(node).at(about.lun) = false;
        return;
      case Command::kReadKeys:
        known_.at(node).at(about.lun) = has_key_of(node, about.lun);
        return;
      case Command::kPreempt:
      case Command::kPreemptAndAbort:
        for (const KeyParts& removed : removed_by(executed)) {
          if (removed.node == node || !known_.at(removed.node).at(about.lun)) continue;
          fenced_.at(removed.node).at(about.lun) = removed.boot_generation;
        }
        return;
      case Command::kRegister:
        if (!about.outcome->has_value() || about.own.value == 0) return;
        known_.at(node).at(about.lun) = true;
        return check_register(executed);
      default:
        return;
    }
  }

  void on_event(const Actor& actor, const Event& event, unsigned lun) override {
    if (event.name == "takeover-started") {
      fenced_.at(actor.node) = {};
      known_.at(actor.node) = {};
    }
    if (event.name != "disk-sick" || lun >= kMaxLuns || is_mailbox(lun)) return;
    // Nothing is known of a seizure before, which may have been killed.
    if (event.detail.find(": survey: ") != std::string::npos) return;
    const Last& last = last_.at(actor.node).at(lun);
    const bool looked = last.process != actor.process || !is_of_seizing(last);
    const std::uint8_t now_held_by = holder(lun);
    if (looked || now_held_by == actor.node || now_held_by == 0) return;
    for (const fake::Registrant& registrant : watched_.shelf.registrants(lun)) {
      const auto parts = parse_key(registrant.key);
      if (!parts || parts->node != actor.node) continue;
      watched_.broken(fmt::format(
          "I8: {}'s {} gives lun {} up, which {} holds, and leaves its key {} there ({})",
          node_name(actor.node), actor.process, lun, node_name(now_held_by),
          to_string(registrant.key), event.detail));
    }
  }

 private:
  struct Last {
    std::string process;
    Command command = Command::kRead;
    ReservationKey key;
  };

  [[nodiscard]] bool has_key_of(std::uint8_t node, unsigned lun) const {
    return std::ranges::any_of(
        watched_.shelf.registrants(lun), [&](const fake::Registrant& registrant) {
          const auto parts = parse_key(registrant.key);
          return parts && parts->node == node &&
                 parts->boot_generation == watched_.truth.of(node).generation;
        });
  }
  // A command of a seizure that may have been the one that failed; a look comes after it.
  static bool is_of_seizing(const Last& last) {
    switch (last.command) {
      case Command::kRegister:
        return last.key.value != 0;
      case Command::kReserve:
      case Command::kPreempt:
      case Command::kPreemptAndAbort:
      case Command::kReset:
        return true;
      default:
        return false;
    }
  }
  void check_register(const Executed& executed) {
    const Generation fenced = fenced_.at(executed.actor.node).at(executed.about.lun);
    if (executed.late || fenced == 0 || watched_.draw.options.aptpl_store_missing) return;
    if (parse_key(executed.about.own)->boot_generation != fenced) return;
    watched_.broken(fmt::format(
        "I8: {}'s {} registers {} again on lun {}, from which {} has removed it",
        node_name(executed.actor.node), executed.actor.process, to_string(executed.about.own),
        executed.about.lun, node_name(partner_of(executed.actor.node))));
  }

  // By node and logical unit: the life whose key another node has removed.
  std::array<std::array<Generation, kMaxLuns>, 3> fenced_{};
  std::array<std::array<bool, kMaxLuns>, 3> known_{};  // the present seizure has seen its key
  std::array<std::array<Last, kMaxLuns>, 3> last_{};
};

}  // namespace

std::unique_ptr<Checker> check_seizures(const Watched& watched) {
  return std::make_unique<Seizures>(watched);
}

}  // namespace lastword::sim
