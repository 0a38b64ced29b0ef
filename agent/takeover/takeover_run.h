// Takeover of the partner's disks, for real: arbitration, then waves of disks (takeover_wave.h).
#pragma once

#include "agent/takeover/takeover_report.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// Runs to the end: all disks taken or given up, dumps recovered. Before anything is
// taken the intent is durable on this machine or on a mailbox disk; where it is on neither, nothing
// is touched. kFenced when the partner won the arbitration, kRefused when
// too few mailbox disks answered and the panic is not proven: then no disk but the mailbox disks
// was touched. kFenced too when `work.guard` ends it because the partner has taken over from this
// node meanwhile. May be killed at any point and run again; it is as if it was where `work.guard`
// ends it because it is to stop.
[[nodiscard]] Result<TakeoverReport> take_over(const TakeoverWork& work, Failure failure);

}  // namespace lastword
