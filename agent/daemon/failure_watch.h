// Waits for the partner's failure: reads the disks again and again, and asks
// agent/protocol/failure_plan.h and takeover_intent.h what they mean.
//
// There is no heartbeat yet. Sending one and reading the partner's belong beside this file, into
// MailboxSlot (proto/disk.proto); what a missing one means is for failure_plan.h to decide.
#pragma once

#include "agent/node/event.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// Returns what to act on as soon as has_panicked() holds or this node's intent is to be resumed. An
// intent whose victim lives again is closed and reported (event takeover-ended), not acted on.
// Looks at the headers every kPollInterval, and at everything else every few seconds. On the way,
// takes this node's own disks again where the shelf has lost its reservations (event
// reservations-lost), and brings its slots on the mailbox disks up to date where a write failed
// (update_slot() in own_slot.h). `state` counts until the first look; from then on what `lastword
// start` last wrote does. Errors: no survey can be made at all. All that is referred to outlives
// what this leaves behind in the kernel.
[[nodiscard]] Result<Failure> wait_for_failure(const Config& config, const NodeState& state,
                                               Surveyor& surveyor, const EventSink& events);

}  // namespace lastword
