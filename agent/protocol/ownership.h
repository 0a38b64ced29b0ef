// Whose a disk is, and how its label becomes this node's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "proto/disk.pb.h"
#include "proto/error.h"
#include "proto/keys.h"

namespace lastword {

// Who takes, as every disk's label and header will show it.
struct OwnerIdentity {
  std::string cluster_uuid;
  std::uint8_t node = 0;
  std::uint32_t boot_generation = 0;
  ReservationKey key;  // names node and boot generation
  // The mailbox disks that this life counts votes by: mailbox_set() in mailbox.h; 0: not known.
  std::uint64_t mailbox_set = 0;
};

// The life that the label gives the disk to; node 0: it is nobody's.
[[nodiscard]] KeyParts owner_in(const pb::Label& label);

// What the label becomes. The same label when there is nothing to change. kRefused when it is not
// this node's disk, or is the partner's by now.
[[nodiscard]] Result<pb::Label> label_in_service(const pb::Label& label, const OwnerIdentity& self);

// Does its owner give this disk back to that life of its home node?
[[nodiscard]] bool is_promised_to(const pb::Label& label, std::uint8_t node,
                                  std::uint32_t generation);

// What the label of a disk becomes that was promised to this life, once this node holds its
// reservation. The giver may have taken the promise back at that moment: who holds the disk has it.
// kRefused when it is not this node's disk.
[[nodiscard]] Result<pb::Label> label_received(const pb::Label& label, const OwnerIdentity& self);

// What the label of a disk becomes that its owner, who still holds it, gives back to that life of
// its home node; and what it becomes when the owner keeps the disk after all. The same label when
// there is nothing to change.
[[nodiscard]] pb::Label label_promised(const pb::Label& label, std::uint8_t node,
                                       std::uint32_t generation);
[[nodiscard]] pb::Label label_unpromised(const pb::Label& label);

// What the label becomes of a disk of the partner's that this node owned in an earlier life, and
// holds again: it stays promised to whom it was. kRefused when this node does not own it.
[[nodiscard]] Result<pb::Label> label_held_again(const pb::Label& label, const OwnerIdentity& self);

// What the label of a disk becomes whose reservation this node took from its partner. The same
// label when there is nothing to change.
[[nodiscard]] pb::Label label_after_takeover(const pb::Label& label, const KeyParts& taker);

// What a coredump header becomes, from what it is right now. Holds what it needs by value: it may
// run on a thread that is left behind.
using HeaderChange = std::function<Result<pb::CoredumpHeader>(const pb::CoredumpHeader& now)>;

}  // namespace lastword
