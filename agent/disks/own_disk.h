// Taking one of this node's own disks into service, and out of it.
//
//   into service: seize the reservation (seize_plan.h) -> read the label again, under it
//     -> label: owner = this node, in this boot -> header: what an earlier life left unfinished
//     ends
//   mailbox disk: register this node's key; reserve only where nobody did; write this node's slot
//   out of service: label: owner = 0 -> RELEASE -> unregister
//
// Interrupted anywhere, each may be run again: what is done already is found done.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/disks/held_disk.h"
#include "agent/disks/own_slot.h"
#include "agent/disks/seize_run.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/ownership.h"
#include "proto/disk.pb.h"

namespace lastword {

// An open disk and what the survey said it is.
struct OwnDisk {
  BlockDevice& device;
  ScsiLun& lun;
  std::uint64_t metadata_offset = 0;
  // Device names may have moved since the survey: a disk with another UUID is left alone (kGone).
  std::string disk_uuid;
  // The keys that were registered when the disk was surveyed. If this boot's key was among them and
  // is gone now, another node has removed it: kFenced.
  std::vector<ReservationKey> keys = {};
  std::int64_t unix_ms = 0;  // wall clock to put into the records that are written
};

// Reads the header of a disk that `key` holds and writes what the change makes of it, nothing when
// that is the same. On an error it reads as either the old or the new one.
[[nodiscard]] Result<pb::CoredumpHeader> change_header(const OwnDisk& disk, ReservationKey key,
                                                       const HeaderChange& change);

// Returns the disk's header as it is then. On an error the disk may be registered and reserved by
// this node, and its label still be the old one; where the label turns out to be the partner's, the
// reservation is given back. `notes` may be null.
[[nodiscard]] Result<pb::CoredumpHeader> take_own_disk(const OwnDisk& disk,
                                                       const OwnerIdentity& self,
                                                       SeizeNotes* notes = nullptr);
// The same for a disk that node `giver` has promised to this life: its key is removed, and what it
// had queued is aborted. Also for one that an earlier life had got so far that it holds it.
// kRefused, and nothing is touched, where the label says otherwise.
[[nodiscard]] Result<pb::CoredumpHeader> take_promised_disk(const OwnDisk& disk,
                                                            const OwnerIdentity& self,
                                                            std::uint8_t giver);
// A disk of the partner's that this node owns and holds by the key of an earlier life: by this
// life's from now on. Nothing else about it changes.
[[nodiscard]] Result<pb::CoredumpHeader> hold_again(const OwnDisk& disk, const OwnerIdentity& self);
// `intent`: the newest of this node's that is known. kFenced: the partner is taking over from this
// life; nothing is left registered. Otherwise the errors of join() and of update_slot(); after one
// of the latter this node is registered. `notes` may be null.
[[nodiscard]] Result<SlotWritten> join_mailbox_disk(const OwnDisk& disk, const SlotWriter& writer,
                                                    const std::optional<pb::TakeoverIntent>& intent,
                                                    SeizeNotes* notes = nullptr);

// kFenced, and nothing is touched, when another node holds it.
[[nodiscard]] Status release_own_disk(const OwnDisk& disk, const OwnerIdentity& self);
// Says so first in this node's slot; where that fails, the partner may count this node's silence.
[[nodiscard]] Status leave_mailbox_disk(const OwnDisk& disk, const SlotWriter& writer);

}  // namespace lastword
