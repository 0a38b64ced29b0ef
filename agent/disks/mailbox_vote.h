// A node on one mailbox disk: joining it, and voting there (agent/protocol/arbitration.h).
#pragma once

#include <functional>

#include "agent/disks/seize_run.h"
#include "agent/protocol/arbitration.h"
#include "agent/protocol/mailbox.h"
#include "storage/block/block_device.h"
#include "storage/block/file_descriptor.h"
#include "storage/reserve/scsi_lun.h"

namespace lastword {

struct MailboxDisk {
  BlockDevice& device;
  ScsiLun& lun;
  std::uint64_t metadata_offset = 0;
  // lock_slot() of this disk. A node that joins is registered before it knows whether its vote is
  // lost: its other programs do not vote meanwhile. Empty: no other program is at the disk.
  std::function<Result<FileDescriptor>()> lock = {};
};

// Registers this node, and reserves the disk where nobody holds it; writes no record.
// `partner_slot`: where the partner's slot is. kFenced: the partner has begun to take over from
// this life, and the registration is withdrawn; or, where the key `was_registered` a moment ago,
// another node removed it. kCorrupt: the partner's slot cannot be read, and may tell of a lost
// vote; the registration is withdrawn. kTimeout: another program of this node has the lock. `notes`
// may be null.
[[nodiscard]] Status join(const MailboxDisk& disk, const OwnerIdentity& self,
                          RecordPlace partner_slot, bool was_registered,
                          SeizeNotes* notes = nullptr);

struct VoteCast {
  Vote vote = Vote::kUnknown;
  bool joined_again = false;  // the shelf had lost this node's registration
  Status noted = {};          // what note_intent returned
  bool has_intent = false;    // note_intent was called, and went well
};
// `note_intent` writes this node's intent to the disk. It is called before anything is preempted,
// once this node is known to be registered; where it fails, nothing is. Blocks for at most the
// lun's time-out for each command. A conflict there means that this node's registration went, and
// has it looked for again. `given_up`: nobody waits for the vote any more, and the intent may be
// ended by now: nothing is preempted then (kUnknown).
[[nodiscard]] VoteCast cast_vote(const MailboxDisk& disk, const SeizeGoal& goal,
                                 const OwnerIdentity& self,
                                 const std::function<Status()>& note_intent,
                                 const std::function<bool()>& given_up = {});

}  // namespace lastword
