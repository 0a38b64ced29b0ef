// I2: no key of a node's current life is removed while the node lives, unless an operator said that
// this life failed; and then, where the nodes have mailbox disks, only with a majority of them.
// Both nodes never remove each other's living keys.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "agent/node/state_files.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

class LiveKeys final : public Checker {
 public:
  using Checker::Checker;

  void on_event(const Actor& actor, const Event& event, unsigned) override {
    if (event.name == "takeover-started") began_.at(actor.node) = now();
  }

  void on_executed(const Executed& executed) override {
    if (executed.about.command != fake::Command::kPreempt &&
        executed.about.command != fake::Command::kPreemptAndAbort) {
      return;
    }
    for (const KeyParts& removed : removed_by(executed)) check(executed, removed);
  }

 private:
  void check(const Executed& executed, const KeyParts& removed) {
    const std::uint8_t taker = executed.actor.node;
    const unsigned lun = executed.about.lun;
    if (removed.node == taker || !watched_.truth.lives(removed.node, removed.boot_generation)) {
      return;
    }
    const NodeTruth& victim = watched_.truth.of(removed.node);
    if (!victim.declared_failed.contains(removed.boot_generation)) {
      return watched_.broken(fmt::format(
          "I2: {}'s {} removes the key of {}'s life {} from lun {}: it lives, and nobody "
          "said that it failed",
          node_name(taker), executed.actor.process, node_name(removed.node),
          removed.boot_generation, lun));
    }
    if (is_mailbox(lun)) return;
    // What the shelf knew of votes is gone.
    if (watched_.truth.power_lost >= began_.at(taker)) return;
    check_majority(executed, removed);
    taken_.insert({taker, removed.boot_generation});
    const auto taker_life = parse_key(executed.about.own)->boot_generation;
    if (mailboxes_of(taker) > 0 && watched_.truth.lives(taker, taker_life) &&
        taken_.contains({removed.node, taker_life})) {
      watched_.broken(fmt::format(
          "I2: both nodes, alive, take each other's disks; {} in life {}, {} "
          "in life {}",
          node_name(taker), taker_life, node_name(removed.node), removed.boot_generation));
    }
  }

  [[nodiscard]] std::size_t mailboxes_of(std::uint8_t node) const {
    const auto state = load_last_life(*watched_.configs.at(node));
    return state ? state->mailbox_disks.size() : 0;
  }

  // By the disks that the taker counts.
  void check_majority(const Executed& executed, const KeyParts& victim) {
    const std::uint8_t taker = executed.actor.node;
    const auto state = load_last_life(*watched_.configs.at(taker));
    if (!state || state->mailbox_disks.empty()) return;
    std::size_t won = 0;
    for (unsigned lun = 0; lun < watched_.roles.size(); ++lun) {
      if (std::ranges::find(state->mailbox_disks, test::uuid_of(lun)) ==
          state->mailbox_disks.end()) {
        continue;
      }
      bool own = false;
      bool rival = false;
      for (const ReservationKey key : watched_.shelf.registrations(lun).keys) {
        const auto parts = parse_key(key);
        own = own || key == executed.about.own;
        rival = rival || (parts && parts->node == victim.node &&
                          parts->boot_generation == victim.boot_generation);
      }
      if (own && !rival) ++won;
    }
    if (2 * won > state->mailbox_disks.size()) return;
    watched_.broken(
        fmt::format("I2: {}'s {} removes the key of {}'s life {} from lun {} with {} of {} "
                    "mailbox disks",
                    node_name(taker), executed.actor.process, node_name(victim.node),
                    victim.boot_generation, executed.about.lun, won, state->mailbox_disks.size()));
  }

  std::array<Time, 3> began_{};                          // each node's last takeover
  std::set<std::pair<std::uint8_t, Generation>> taken_;  // taker, the victim's life
};

}  // namespace

std::unique_ptr<Checker> check_live_keys(const Watched& watched) {
  return std::make_unique<LiveKeys>(watched);
}

}  // namespace lastword::sim
