#include "agent/disks/mailbox_vote.h"

#include <utility>

#include "storage/block/record_io.h"

namespace lastword {
namespace {

constexpr unsigned kMaxAttempts = 16;

Error lost(std::string_view disk) {
  return {.code = Code::kFenced,
          .operation = "join mailbox disk",
          .disk = disk,
          .detail = "the partner is taking over from this node, or has"};
}

Error unreadable(Error error) {
  if (error.code != Code::kCorrupt) return error;
  error.detail =
      "the partner's mailbox slot is damaged, both copies, and may have told that this node lost "
      "its vote: run `lastword start` on the partner, which writes it anew, then here. A partner "
      "that is gone for good: label the disk anew";
  return error;
}

// The partner has gone through with a takeover of this life: if this node is registered, it is by a
// REGISTER of before, which the target executed late.
bool is_taken_over(const MailboxDisk& disk, const OwnerIdentity& self, RecordPlace partner_slot) {
  pb::MailboxSlot slot;
  return RecordIo(disk.device, disk.metadata_offset).read(partner_slot, slot) &&
         slot.intent().phase() == pb::TakeoverIntent::TAKEN &&
         intends_to_take(slot, self.node, self.boot_generation);
}

Result<bool> vote_was_lost(const MailboxDisk& disk, const OwnerIdentity& self,
                           RecordPlace partner_slot) {
  RecordIo records(disk.device, disk.metadata_offset);
  pb::MailboxSlot slot;
  const auto found = records.read(partner_slot, slot);
  if (found) return intends_to_take(slot, self.node, self.boot_generation);
  if (found.error().code == Code::kNotFound) return false;
  return fail(unreadable(found.error()));
}

Result<FileDescriptor> lock_of(const MailboxDisk& disk) {
  return disk.lock ? disk.lock() : FileDescriptor();
}

}  // namespace

Status join(const MailboxDisk& disk, const OwnerIdentity& self, RecordPlace partner_slot,
            bool was_registered, SeizeNotes* notes) {
  const auto lock = lock_of(disk);
  if (!lock) return fail(lock.error());
  const Status seized =
      seize(disk.lun, SeizeGoal{.own = self.key, .shared = true, .was_registered = was_registered},
            notes);
  if (!seized) return seized;
  // Read under the registration: an intent that comes later finds it, and preempts it.
  const auto vote_lost = vote_was_lost(disk, self, partner_slot);
  if (vote_lost && !*vote_lost) return {};
  if (!was_registered) (void)unregister(disk.lun);
  return fail(vote_lost ? lost(disk.lun.name()) : vote_lost.error());
}

VoteCast cast_vote(const MailboxDisk& disk, const SeizeGoal& goal, const OwnerIdentity& self,
                   const std::function<Status()>& note_intent,
                   const std::function<bool()>& given_up) {
  VoteCast cast;
  bool noted = false;
  const RecordPlace partner_slot = mailbox_place(*goal.victim_node, self.node);
  for (unsigned attempt = 0; attempt < kMaxAttempts; ++attempt) {
    if (given_up && given_up()) return cast;  // before anything is changed
    auto lock = lock_of(disk);
    if (!lock) return cast;
    const auto registrations = disk.lun.read_keys();
    if (!registrations) {
      if (registrations.error().code == Code::kUnitAttention) continue;
      return cast;
    }
    const VoteStep step = vote_step(registrations->keys, goal);
    if (step.key_is_gone) {
      lock->reset();
      const Status joined = cast.joined_again ? Status(fail(lost(disk.lun.name())))
                                              : join(disk, self, partner_slot, false);
      if (!joined) {
        cast.vote = joined.error().code == Code::kFenced ? Vote::kLost : Vote::kUnknown;
        return cast;
      }
      cast.joined_again = true;
      continue;
    }
    if (!noted && is_taken_over(disk, self, partner_slot)) {
      cast.vote = Vote::kLost;
      return cast;
    }
    if (!noted) {
      lock->reset();
      cast.noted = note_intent();
      // The registration went since the look: that is to be told from a disk that does not answer.
      if (!cast.noted && cast.noted.error().code == Code::kConflict) continue;
      if (!cast.noted) return cast;
      noted = true;
      cast.has_intent = true;
      continue;  // the keys may have changed meanwhile
    }
    if (step.vote) {
      cast.vote = *step.vote;
      return cast;
    }
    if (given_up && given_up()) return cast;
    const Status removed = disk.lun.preempt(goal.own, step.preempt, kOwnerType);
    // A conflict or unit attention means that the picture changed, perhaps against us: look again.
    if (!removed && removed.error().code != Code::kConflict &&
        removed.error().code != Code::kUnitAttention) {
      return cast;
    }
  }
  return cast;
}

}  // namespace lastword
