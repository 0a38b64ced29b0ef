// Who may take over when both nodes want to: a majority of the mailbox disks decides, before any
// other disk is touched. Both nodes are registered on every mailbox disk in normal service; a vote
// is won by removing the other's registration there, and only a registered node can do that (SPC-4
// 5.13.11.2.6), so each vote has one winner.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "agent/protocol/seize_plan.h"

namespace lastword {

enum class Vote : std::uint8_t {
  kWon,
  kLost,     // our registration there is gone: the partner was first
  kUnknown,  // the disk did not answer or did not take the intent, or a later life of the partner
             // is registered there
};

// What comes next on one mailbox disk whose registered keys are `keys`: a vote that is cast, or the
// rival's key that is to be preempted before the next look. Won already where the partner is not
// registered and this node is, so that a takeover that was interrupted picks up here.
struct VoteStep {
  std::optional<Vote> vote = {};
  // Our key is not there. The partner's intent on the disk tells whether the vote was lost; without
  // one the shelf has lost its reservations, and the node may join again (mailbox.h).
  bool key_is_gone = false;
  ReservationKey preempt = {};  // otherwise
};
[[nodiscard]] VoteStep vote_step(const std::vector<ReservationKey>& keys, const SeizeGoal& goal);

struct Tally {
  unsigned total = 0;
  unsigned won = 0;
  unsigned lost = 0;
  [[nodiscard]] bool majority() const { return total == 0 || 2 * won > total; }
};

// Votes in the order given (the same on both nodes: by disk UUID), stopping when the majority is
// won or can no longer be. With no mailbox disks there is no arbitration, and the tally says
// majority.
[[nodiscard]] Tally arbitrate(unsigned mailbox_disks, const std::function<Vote(unsigned)>& vote);

// A partner whose panic is proven cannot race: no majority is needed against it. A vote that is
// lost counts all the same: that partner had taken over from this node, whose caches are stale by
// now.
[[nodiscard]] bool may_take_over(const Tally& tally, bool panic_is_proven);

// kFenced where a vote was lost, else kRefused: too few disks answered. Nothing but registrations
// on mailbox disks has changed by then.
[[nodiscard]] Error no_majority(const Tally& tally);

}  // namespace lastword
