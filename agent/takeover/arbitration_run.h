// Arbitration on the mailbox disks (agent/protocol/arbitration.h), for real.
#pragma once

#include "agent/disks/intent_log.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// May this takeover go on? Votes on the mailbox disks that `lastword start` saw, in the order of
// their UUIDs: the same on both nodes. `intent` is durable on each disk before anything is
// preempted there; `before` is what it replaces. kFenced: a vote was lost, or the partner owns
// disks of this node. kRefused: too few disks answered, or the nodes count votes by different
// disks; a proven panic needs neither, nor does a partner that has left, nor a takeover of nothing
// but disks that this node has (owns_all_of_partner()).
struct Arbitrated {
  unsigned copies = 0;         // of the intent, on mailbox disks
  bool without_right = false;  // to a disk that the partner holds: no majority was won
};
[[nodiscard]] Result<Arbitrated> win_arbitration(const TakeoverWork& work, const Failure& failure,
                                                 const IntentLog& intents,
                                                 const std::optional<pb::TakeoverIntent>& before,
                                                 const pb::TakeoverIntent& intent);

// The event `intent-not-kept`: one copy is missing.
void tell_of(const TakeoverWork& work, const Error& problem);
// That of each copy, and `slot-rewritten`.
void tell_of(const TakeoverWork& work, const CopiesWritten& written);

}  // namespace lastword
