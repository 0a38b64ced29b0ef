// What operators have forbidden (pb::Switches in proto/disk.proto): where its copies are, which of
// them counts, and what it holds back. Pure. The file is agent/node/switches_file.h, the other
// copies are in the slots of the mailbox disks.
//
// The end of a switch is a time of the wall clock. Where that clock is set back the switch lasts
// longer; where it is set forth, shorter.
#pragma once

#include <span>
#include <string>

#include "agent/protocol/mailbox.h"
#include "agent/protocol/takeover_refusals.h"

namespace lastword {

enum class OperatorSwitch : std::uint8_t {
  kDisable,     // neither node takes over by itself
  kNoTakeover,  // the partner does not take over from this node by itself
};

// What both nodes' operators have forbidden. Number 0: nothing was ever set.
struct ClusterSwitches {
  pb::Switches own;
  pb::Switches peer;
};

[[nodiscard]] Switch plain(const pb::Switch& asked);
[[nodiscard]] Switches plain(const pb::Switches& switches);

// Of the copies of one node's switches the one with the highest number counts.
[[nodiscard]] const pb::Switches& newer(const pb::Switches& one, const pb::Switches& other);
// Of all copies of that node's in sight.
[[nodiscard]] pb::Switches switches_on_disks(const Survey& survey, const Config& config,
                                             std::uint8_t node);
// What counts from now on. `before`: what counts now. `own_generation`: see first_number_of().
[[nodiscard]] pb::Switches next_switches(const pb::Switches& before, OperatorSwitch which,
                                         const Switch& asked, std::uint32_t own_generation = 0);

// The slot with these switches; of a slot that tells of no life, with this life too. kRefused: it
// has later ones.
[[nodiscard]] Result<pb::MailboxSlot> slot_with_switches(const pb::MailboxSlot& now,
                                                         const MailboxMember& member,
                                                         const pb::Switches& switches);

// Why this node does not take over by itself, proven panic included; empty: nothing was forbidden,
// or it has expired.
[[nodiscard]] Refusals why_held_back(const ClusterSwitches& known, std::int64_t now_unix_ms);

}  // namespace lastword
