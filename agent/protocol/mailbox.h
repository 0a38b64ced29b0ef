// What mailbox disks tell two nodes of each other, besides registrations: each writes its own slot,
// and reads the other's. Pure.
//
// A node's slot names the life that wrote it, the set of mailbox disks that it counts votes by, and
// its takeover intent. The intent is on a mailbox disk before the partner's key goes from there. So
// a key that is gone tells of a lost vote only together with an intent against this life; without
// one, the shelf has lost its reservations.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/protocol/disk_view.h"
#include "agent/protocol/node_state.h"
#include "agent/protocol/ownership.h"
#include "proto/layout.h"
#include "proto/timing.h"

namespace lastword {

// How a node appears on mailbox disks.
struct MailboxMember {
  OwnerIdentity self;
  RecordPlace place = RecordPlace::kMailboxLow;  // of its slot
  std::uint64_t mailbox_set = 0;                 // see mailbox_set()
};
// Where a node's slot is, by its id and the other node's.
[[nodiscard]] constexpr RecordPlace mailbox_place(std::uint8_t node, std::uint8_t other) {
  return node < other ? RecordPlace::kMailboxLow : RecordPlace::kMailboxHigh;
}
// This node's.
[[nodiscard]] RecordPlace mailbox_place(const Config& config);
[[nodiscard]] MailboxMember mailbox_member(const Config& config, std::uint32_t boot_generation,
                                           const std::vector<std::string>& mailbox_disks);

// Where the numbers of what this life writes to its slot (intents, switches) begin: beyond those of
// earlier lives, which may be on disks that are out of sight. 0: no life has begun.
[[nodiscard]] constexpr std::uint64_t first_number_of(std::uint32_t boot_generation) {
  return std::uint64_t{boot_generation} << 16U;
}

// Of the UUIDs, in any order: their number and the CRC32C of all. Never 0.
[[nodiscard]] std::uint64_t mailbox_set(std::vector<std::string> uuids);

// What this node's slot is to say, from what it says now: this life, the set that it counts by, and
// the newest intent. A life and an intent that are later than those given stay: another command of
// this node has been there.
[[nodiscard]] pb::MailboxSlot current_slot(const pb::MailboxSlot& now, const MailboxMember& member,
                                           const std::optional<pb::TakeoverIntent>& intent);
// The slot with this intent; of a slot that tells of no life, with this life too. kRefused: it has
// a later intent, or another one of the same number.
[[nodiscard]] Result<pb::MailboxSlot> slot_with(const pb::MailboxSlot& now,
                                                const MailboxMember& member,
                                                const pb::TakeoverIntent& intent);
// The rules of this file and of peer_watch.h. Nodes of different versions do not judge each other's
// silence.
inline constexpr std::uint32_t kProtocolVersion = 1;

// What one heartbeat says.
struct Beat {
  std::uint64_t sequence = 0;  // at least; a slot that has a higher one goes on from there
  pb::Presence presence = pb::WATCHING;
  std::string machine;  // this one's id
  std::uint32_t echo_generation = 0;
  std::uint64_t echo_sequence = 0;
  Timing timing;
  pb::NodePhase phase = pb::PHASE_UNKNOWN;
  std::uint64_t sees = 0;          // see disks_in_reach()
  std::uint64_t sees_partner = 0;  // likewise
  pb::LeaveRequest request = {};
  pb::Switches switches = {};  // that the writer knows of its node; the slot may have later ones
};
// The slot with this heartbeat. kFenced: a later life of this node has written there, or another
// machine that is this node too, or this life was ended by `lastword stop`. A life that has said
// PHASE_HANDED_OVER goes on saying so.
[[nodiscard]] Result<pb::MailboxSlot> slot_with_beat(const pb::MailboxSlot& now,
                                                     const MailboxMember& member, const Beat& beat);
// The slot of a life that joins the disk. Also of one that `lastword stop` had ended, but for disks
// of the partner's that it kept: it goes on.
[[nodiscard]] pb::MailboxSlot slot_of_life_that_joins(
    const pb::MailboxSlot& now, const MailboxMember& member,
    const std::optional<pb::TakeoverIntent>& intent);
// The slot of a life that ends in order, with this sequence at least: beyond what its agent has
// sent by links.
[[nodiscard]] pb::MailboxSlot slot_of_life_that_ends(const pb::MailboxSlot& now,
                                                     const MailboxMember& member,
                                                     std::uint64_t sequence);
// The slot of a life that leaves its disks to the partner, with this sequence at least. kFenced: a
// later life of this node has written there, or `lastword stop` has ended this one.
[[nodiscard]] Result<pb::MailboxSlot> slot_of_life_that_leaves(const pb::MailboxSlot& now,
                                                               const MailboxMember& member,
                                                               std::uint64_t sequence);
[[nodiscard]] pb::SharedSettings shared_settings(const Timing& timing);

// This node's own disks that it could take: whole, and alone with their label; their UUIDs as
// mailbox_set() counts them. Which of them are the partner's at the moment does not matter. 0: a
// disk of its service cannot be read, and its service would not begin without that one; whoever
// serves goes on.
[[nodiscard]] std::uint64_t disks_in_reach(const Survey& survey, const Config& config);
// Likewise the partner's disks.
[[nodiscard]] std::uint64_t partner_disks_in_reach(const Survey& survey, const Config& config);

// Mailbox disks on which this node is registered and its slot is out of date, as indices: a write
// failed there, or the disk was out of sight. A disk and its clone are left alone.
[[nodiscard]] std::vector<std::size_t> outdated_slots(
    const Survey& survey, const Config& config, const MailboxMember& member,
    const std::optional<pb::TakeoverIntent>& intent);

// The node's slots on the mailbox disks in sight. They live as long as the survey.
[[nodiscard]] std::vector<const pb::MailboxSlot*> slots_of(const Survey& survey,
                                                           const Config& config, std::uint8_t node);
// The newest of the partner's slots in sight; absent: there is none.
[[nodiscard]] std::optional<pb::MailboxSlot> newest_of_partner(const Survey& survey,
                                                               const Config& config);
// Has the writer of this slot begun to take over from that life of that node?
[[nodiscard]] bool intends_to_take(const pb::MailboxSlot& slot, std::uint8_t node,
                                   std::uint32_t generation);
// Has the partner, by the last of its slots in sight?
[[nodiscard]] bool tells_of_lost_vote(const Survey& survey, const Config& config,
                                      std::uint32_t own_generation);

// Has the partner begun to take over from an earlier life of this node, and not ended it?
[[nodiscard]] bool announces_takeover_of_earlier_life(const Survey& survey, const Config& config,
                                                      std::uint32_t own_generation);

// Both nodes count votes by the same disks, as far as the slots in sight tell: kRefused where the
// partner's latest life counts by others, or never said. A partner that never lived is no rival.
[[nodiscard]] Status check_mailbox_set(const Survey& survey, const Config& config,
                                       const std::vector<std::string>& mailbox_disks);
// The mailbox_set() that the partner's latest life counts votes by, as the labels of its disks
// tell. 0: none does.
[[nodiscard]] std::uint64_t set_by_labels(const Survey& survey, const Config& config);
// A node that has never seen a mailbox disk needs no vote for an order, and so could take over
// while the partner does. kRefused where the partner counts by some: as it was heard in this boot
// (`heard_set`, its mailbox_set(), or 0), or as set_by_labels() tells.
[[nodiscard]] Status check_heard_set(const Survey& survey, const Config& config,
                                     const std::vector<std::string>& mailbox_disks,
                                     std::uint64_t heard_set);

// The disks from which this life's key has gone although nobody took them, as indices: the shelf
// lost power and did not keep registrations.
struct LostReservations {
  std::vector<std::size_t> own;
  std::vector<std::size_t> borrowed;  // of the partner's, which this life had taken over
  std::vector<std::size_t> mailbox;
  [[nodiscard]] bool any() const { return !own.empty() || !borrowed.empty() || !mailbox.empty(); }
};
// A mailbox disk whose records could be read, but perhaps for this node's own slot: when both
// copies of that are damaged, this node writes it anew.
[[nodiscard]] bool tells_of_partner(const DiskView& disk, const Config& config);
// The mailbox disks in sight that can be read are a majority of these: of an intent that the
// partner has acted on, without its victim's panic being proven, one of them tells. True with none
// at all.
[[nodiscard]] bool majority_is_readable(const Survey& survey, const Config& config,
                                        const std::vector<std::string>& mailbox_disks);
// Nothing where a disk tells that the partner has taken over from this life, or is about to.
// `gives`: those of the partner's that an earlier life of this node's owned, too.
[[nodiscard]] LostReservations find_lost_reservations(const Survey& survey, const Config& config,
                                                      const NodeState& state, bool gives = false);
// Disks of the partner's that this node owns, and holds by the key of a life before its last
// reboot, as indices.
[[nodiscard]] std::vector<std::size_t> find_borrowed(const Survey& survey, const Config& config,
                                                     const NodeState& state);

}  // namespace lastword
