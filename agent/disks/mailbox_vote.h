// A node on one mailbox disk: joining it, and voting there (agent/protocol/arbitration.h).
#pragma once

#include <functional>

#include "agent/disks/seize_run.h"
#include "agent/protocol/arbitration.h"
#include "agent/protocol/mailbox.h"
#include "storage/block/block_device.h"
#include "storage/reserve/scsi_lun.h"

namespace lastword {

struct MailboxDisk {
  BlockDevice& device;
  ScsiLun& lun;
  std::uint64_t metadata_offset = 0;
};

// Registers this node, and reserves the disk where nobody holds it; writes no record. kFenced: the
// partner has begun to take over from this life, and the registration is withdrawn; or, where the
// key `was_registered` a moment ago, another node removed it. `notes` may be null.
[[nodiscard]] Status join(const MailboxDisk& disk, const OwnerIdentity& self, bool was_registered,
                          SeizeNotes* notes = nullptr);

// Writes this node's life and set of mailbox disks into its slot, whose intent stays.
[[nodiscard]] Status write_membership(const MailboxDisk& disk, const MailboxMember& member);

struct VoteCast {
  Vote vote = Vote::kUnknown;
  bool joined_again = false;  // the shelf had lost this node's registration
  Status noted = {};          // what note_intent returned
};
// `note_intent` writes this node's intent to the disk. It is called before anything is preempted,
// once this node is known to be registered; where it fails, nothing is. Blocks for at most the
// lun's time-out for each command.
[[nodiscard]] VoteCast cast_vote(const MailboxDisk& disk, const SeizeGoal& goal,
                                 const OwnerIdentity& self,
                                 const std::function<Status()>& note_intent);

}  // namespace lastword
