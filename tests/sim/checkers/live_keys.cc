// I2: no key of a node's current life is removed while the node lives, unless an operator said that
// this life failed, or it was silent and that was announced; and then, where the nodes have mailbox
// disks, only with a majority of them. A node is silent when no heartbeat of it was executed on a
// majority of the mailbox disks for the silence time. Both nodes never remove each other's living
// keys; a node that knew of no mailbox disk when its takeover began has asked nobody, and goes on
// when it learns of one. Strays on a disk of one's own are not meant.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "agent/node/state_files.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/sim/checkers/checker.h"

namespace lastword::sim {
namespace {

bool changes_registrations(const Executed& executed) {
  switch (executed.about.command) {
    case fake::Command::kRegister:
      return true;  // perhaps: a target that cannot keep it registers, and answers with an error
    case fake::Command::kPreempt:
    case fake::Command::kPreemptAndAbort:
      return executed.about.outcome->has_value();
    default:
      return false;
  }
}

class LiveKeys final : public Checker {
 public:
  using Checker::Checker;

  void on_event(const Actor& actor, const Event& event, unsigned) override {
    if (event.name == "takeover-started") {
      began_.at(actor.node) = now();
      voted_.at(actor.node) = mailboxes_of(actor.node) > 0;
    }
    if (event.name == "takeover-announced") check_silence(actor.node);
  }

  void on_executed(const Executed& executed) override {
    if (is_mailbox(executed.about.lun) && changes_registrations(executed)) count_votes(executed);
    if (executed.about.command != fake::Command::kPreempt &&
        executed.about.command != fake::Command::kPreemptAndAbort) {
      return;
    }
    if (takes_stray_away(executed) || takes_promised(executed)) return;
    for (const KeyParts& removed : removed_by(executed)) check(executed, removed);
  }

 private:
  void check(const Executed& executed, const KeyParts& removed) {
    const std::uint8_t taker = executed.actor.node;
    const unsigned lun = executed.about.lun;
    if (removed.node == taker || !watched_.truth.lives(removed.node, removed.boot_generation)) {
      return;
    }
    if (has_left(removed)) return;
    const NodeTruth& victim = watched_.truth.of(removed.node);
    if (!victim.declared_failed.contains(removed.boot_generation) &&
        announced_.at(taker) != removed.boot_generation) {
      return watched_.broken(fmt::format(
          "I2: {}'s {} removes the key of {}'s life {} from lun {}: it lives, and nobody "
          "said that it failed",
          node_name(taker), executed.actor.process, node_name(removed.node),
          removed.boot_generation, lun));
    }
    if (is_mailbox(lun)) return;
    // What the shelf knew of votes is gone.
    if (watched_.truth.power_lost >= began_.at(taker)) return;
    // A takeover that has begun with a majority goes on without: its victim has lost.
    if (taken_.insert({taker, removed.boot_generation}).second) check_majority(executed, removed);
    const auto taker_life = parse_key(executed.about.own)->boot_generation;
    if (voted_.at(taker) && watched_.truth.lives(taker, taker_life) &&
        taken_.contains({removed.node, taker_life})) {
      watched_.broken(fmt::format(
          "I2: both nodes, alive, take each other's disks; {} in life {}, {} "
          "in life {}",
          node_name(taker), taker_life, node_name(removed.node), removed.boot_generation));
    }
  }

  // It has said that its disks are the partner's.
  [[nodiscard]] bool has_left(const KeyParts& victim) const {
    if (watched_.truth.of(victim.node).left.contains(victim.boot_generation)) return true;
    const auto life = load_last_life(*watched_.configs.at(victim.node));
    return life && life->handed_over && life->boot_generation == victim.boot_generation;
  }

  // What is under way when the taker looks for the last time cannot be known to it.
  void check_silence(std::uint8_t taker) {
    const NodeTruth& victim = watched_.truth.of(partner_of(taker));
    announced_.at(taker) = victim.generation;
    std::vector<Time> beats;
    for (unsigned lun = 0; lun < watched_.roles.size(); ++lun) {
      if (is_mailbox(lun)) beats.push_back(victim.beats.at(lun));
    }
    if (beats.empty()) return watched_.broken("I2: a takeover on silence without mailbox disks");
    std::ranges::sort(beats, std::greater());
    const Time last = beats[beats.size() / 2];  // on a majority by then
    const Timing& timing = watched_.configs.at(taker)->timing;
    const Time slack = 2 * timing.settings.io_timeout;
    if (last <= now() - Time(timing.peer_silence()) + slack || last >= now() - slack) return;
    watched_.broken(fmt::format("I2: {} calls {} silent, whose last heartbeat came {} ms ago",
                                node_name(taker), node_name(partner_of(taker)),
                                (now() - last).count() / 1000));
  }

  [[nodiscard]] std::size_t mailboxes_of(std::uint8_t node) const {
    const auto state = load_last_life(*watched_.configs.at(node));
    return state ? state->mailbox_disks.size() : 0;
  }

  // By the disks that the taker counts, in the life that it takes over by: where /run is lost, a
  // later one of the same boot may have begun.
  void check_majority(const Executed& executed, const KeyParts& victim) {
    const std::uint8_t taker = executed.actor.node;
    const auto state = load_last_life(*watched_.configs.at(taker));
    if (!state || state->mailbox_disks.empty()) return;
    const Generation own_life = parse_key(executed.about.own)->boot_generation;
    std::size_t won = 0;
    for (unsigned lun = 0; lun < watched_.roles.size(); ++lun) {
      const bool counts =
          std::ranges::find(state->mailbox_disks, test::uuid_of(lun)) != state->mailbox_disks.end();
      if (counts && votes_.at(taker).at(lun) == own_life) ++won;
    }
    if (2 * won > state->mailbox_disks.size()) return;
    watched_.broken(fmt::format(
        "I2: {}'s {} removes the key of {}'s life {} from lun {} with {} of {} mailbox disks",
        node_name(taker), executed.actor.process, node_name(victim.node), victim.boot_generation,
        executed.about.lun, won, state->mailbox_disks.size()));
  }

  // It tells this life that it has lost its vote.
  [[nodiscard]] static bool tells_of_loss(const pb::TakeoverIntent& intent, const KeyParts& own) {
    const bool stands =
        intent.phase() == pb::TakeoverIntent::TAKING || intent.phase() == pb::TakeoverIntent::TAKEN;
    return stands && intent.victim_node() == own.node &&
           intent.victim_generation() >= own.boot_generation;
  }

  // A vote is won where the rival's key is removed, or not there, and lost with one's own key. A
  // rival that registers while the intent against its life stands, as it does to read who has won,
  // changes nothing. Nor does a winner that takes its own key away, as a `start` does that could
  // not read the rival's slot: the intent stays. The loser may join again when the winner has given
  // up, and has said so on the disk; not because the intent that it won by is not there any more.
  void count_votes(const Executed& executed) {
    const unsigned lun = executed.about.lun;
    if (const auto own = parse_key(executed.about.own)) {
      const Vote vote(lun, own->node, own->boot_generation);
      const auto intent = intent_on(partner_of(own->node), lun);
      const auto lost = lost_.find(vote);
      if (tells_of_loss(intent, *own)) {
        if (executed.about.command == fake::Command::kRegister) lost_[vote] = intent.number();
      } else if (lost != lost_.end() && intent.number() >= lost->second) {
        lost_.erase(lost);
      }
    }
    // A node that takes its own key away, as `stop` does, has lost nothing.
    for (const KeyParts& key : removed_by(executed)) {
      if (key.node == executed.actor.node) continue;
      votes_.at(key.node).at(lun) = 0;
      lost_[{lun, key.node, key.boot_generation}] = intent_on(executed.actor.node, lun).number();
    }
    std::array<Generation, 3> rival{};
    for (const fake::Registrant& registrant : watched_.shelf.registrants(lun)) {
      const auto parts = parse_key(registrant.key);
      if (!parts || lost_.contains({lun, parts->node, parts->boot_generation})) continue;
      rival.at(parts->node) = std::max(rival.at(parts->node), parts->boot_generation);
    }
    for (const std::uint8_t node : kNodes) {
      if (rival.at(partner_of(node)) != 0) {
        votes_.at(node).at(lun) = 0;
      } else if (rival.at(node) != 0) {
        votes_.at(node).at(lun) = rival.at(node);
      }
    }
  }

  std::array<std::array<Generation, kMaxLuns>, 3> votes_{};  // by node: in which life; 0: not won
  using Vote = std::tuple<unsigned, std::uint8_t, Generation>;  // disk, node, life
  std::map<Vote, std::uint64_t> lost_;                   // by the partner's intent of this number
  std::array<Generation, 3> announced_{};                // by taker: the life of the partner
  std::array<Time, 3> began_{};                          // each node's last takeover
  std::array<bool, 3> voted_{};                          // in which it counted votes
  std::set<std::pair<std::uint8_t, Generation>> taken_;  // taker, the victim's life
};

}  // namespace

std::unique_ptr<Checker> check_live_keys(const Watched& watched) {
  return std::make_unique<LiveKeys>(watched);
}

}  // namespace lastword::sim
