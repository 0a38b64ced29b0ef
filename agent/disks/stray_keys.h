// Taking away registrations that nobody needs (agent/protocol/stray_plan.h), on one disk.
#pragma once

#include <vector>

#include "agent/disks/own_disk.h"

namespace lastword {

// Removes these keys, and what the target had queued for them, from a disk of this node's that it
// holds and whose label names it. kFenced: another node has removed this node's registration.
// kRefused: the label names another owner. kConflict: another node holds it, or a key cannot be
// removed. The disk stays this node's on every other error, and some of the keys may be gone.
[[nodiscard]] Status remove_stray_keys(const OwnDisk& disk, const OwnerIdentity& self,
                                       const std::vector<ReservationKey>& keys);

// Unregisters this nexus, under whichever key, from a disk that no key of this node's holds.
// kRefused: one does, or a key of this node's is left; it is another nexus', of an earlier life,
// and only who holds the disk should remove it.
[[nodiscard]] Status withdraw_stray_key(const OwnDisk& disk, const OwnerIdentity& self);

}  // namespace lastword
