// Arbitration on the mailbox disks (agent/protocol/arbitration.h), for real.
#pragma once

#include "agent/disks/intent_log.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// May this takeover go on? Votes on the mailbox disks that `lastword start` saw, in the order of
// their UUIDs: the same on both nodes. `intent` is durable on each disk before anything is
// preempted there. Returns on how many disks it is. kFenced: a vote was lost, or the partner owns
// disks of this node. kRefused: too few disks answered, or the nodes count votes by different
// disks; a proven panic needs neither, nor does a partner that has left.
[[nodiscard]] Result<unsigned> win_arbitration(const TakeoverWork& work, const Failure& failure,
                                               const IntentLog& intents,
                                               const pb::TakeoverIntent& intent);

// The event `intent-not-kept`: one copy is missing.
void tell_of(const TakeoverWork& work, const Error& problem);
// That of each copy, and `slot-rewritten`.
void tell_of(const TakeoverWork& work, const CopiesWritten& written);

}  // namespace lastword
