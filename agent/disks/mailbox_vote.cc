#include "agent/disks/mailbox_vote.h"

namespace lastword {
namespace {

constexpr unsigned kMaxAttempts = 16;

}  // namespace

Vote cast_vote(ScsiLun& lun, const SeizeGoal& goal) {
  for (unsigned attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const auto registrations = lun.read_keys();
    if (!registrations) {
      if (registrations.error().code == Code::kUnitAttention) continue;
      return Vote::kUnknown;
    }
    const VoteStep step = vote_step(registrations->keys, goal);
    if (step.vote) return *step.vote;
    const Status removed = lun.preempt(goal.own, step.preempt, kOwnerType);
    // A conflict or unit attention means that the picture changed, perhaps against us: look again.
    if (!removed && removed.error().code != Code::kConflict &&
        removed.error().code != Code::kUnitAttention) {
      return Vote::kUnknown;
    }
  }
  return Vote::kUnknown;
}

}  // namespace lastword
