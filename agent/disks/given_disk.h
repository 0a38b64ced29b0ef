// Giving one disk back that this node had taken from its partner (docs/protocol.md, Giveback). The
// giver writes a promise into the label and stays the holder: the home node preempts its key, and
// with it whatever the giver still has queued at the target.
#pragma once

#include "agent/disks/own_disk.h"
#include "proto/coredump.h"

namespace lastword {

// Promises the disk to a life of its home node, in its label; it stays this node's, which owns and
// holds it. kFenced: another node holds it by now. kRefused: nobody does, or it is not this node's
// to give to that one. kGone: another disk has taken the name. After any other error the label
// reads as before or as promised.
[[nodiscard]] Status promise_disk(const OwnDisk& disk, const OwnerIdentity& self,
                                  const NodeLife& to);

// Takes a promise back, whoever it was made to, while this node still holds the disk. Errors as
// above; kFenced: the home node was quicker, and has the disk.
[[nodiscard]] Status withdraw_promise(const OwnDisk& disk, const OwnerIdentity& self);

}  // namespace lastword
