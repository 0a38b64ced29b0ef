#include "agent/protocol/arbitration.h"

#include <fmt/format.h>

#include <algorithm>

namespace lastword {
namespace {

bool is_partner(ReservationKey key, const SeizeGoal& goal) {
  const auto own = parse_key(goal.own);
  const auto parts = parse_key(key);
  return own && parts && parts->cluster == own->cluster && parts->node == goal.victim_node;
}

}  // namespace

VoteStep vote_step(const std::vector<ReservationKey>& keys, const SeizeGoal& goal) {
  if (std::find(keys.begin(), keys.end(), goal.own) == keys.end()) return {.key_is_gone = true};
  const auto rival = std::find_if(keys.begin(), keys.end(),
                                  [&](ReservationKey key) { return is_partner(key, goal); });
  if (rival == keys.end()) return {.vote = Vote::kWon};
  if (goal.victim_generation && parse_key(*rival)->boot_generation > *goal.victim_generation) {
    return {.vote = Vote::kUnknown};
  }
  return {.preempt = *rival};
}

bool may_take_over(const Tally& tally, bool panic_is_proven) {
  return tally.majority() || (panic_is_proven && tally.lost == 0);
}

Error no_majority(const Tally& tally) {
  return {.code = tally.lost > 0 ? Code::kFenced : Code::kRefused,
          .operation = "takeover",
          .detail = fmt::format(
              "{} of {} mailbox disks won, {} lost: no majority, so no other disk is touched. {}",
              tally.won, tally.total, tally.lost,
              tally.lost > 0 ? "The partner is taking over from this node, or began to; `lastword "
                               "start` says how to go on"
                             : "Run `lastword start`, and check the mailbox disks; if the partner "
                               "is back, all is well")};
}

Tally arbitrate(unsigned mailbox_disks, const std::function<Vote(unsigned)>& vote) {
  Tally tally{.total = mailbox_disks};
  for (unsigned i = 0; i < mailbox_disks && 2 * tally.won <= mailbox_disks; ++i) {
    const Vote outcome = vote(i);
    if (outcome == Vote::kWon) ++tally.won;
    if (outcome == Vote::kLost) ++tally.lost;
    if (2 * tally.lost > mailbox_disks) break;
  }
  return tally;
}

}  // namespace lastword
