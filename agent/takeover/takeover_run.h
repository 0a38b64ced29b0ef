// Takeover of the partner's disks, for real: the driver of takeover_plan.h. Threads take disks and
// recover dumps; one loop feeds the plan with what they report and with the headers it keeps
// reading.
#pragma once

#include <functional>

#include "agent/node/config.h"
#include "agent/node/event.h"
#include "agent/node/node_state.h"
#include "agent/protocol/takeover_input.h"
#include "agent/takeover/takeover_report.h"

namespace lastword {

// Saves the dump on a disk that this node holds. Returns where the core went.
using RecoverDump = std::function<Result<std::string>(const SurveyedDisk& disk)>;

// Runs to the end: all disks taken or given up, dumps recovered. kFenced when the partner won the
// arbitration (then no disk but the mailbox disks was touched). May be killed at any point and run
// again. `events` and `recover` are called from several threads.
[[nodiscard]] Result<TakeoverReport> take_over(const Config& config, const NodeState& state,
                                               const Failure& failure, const EventSink& events,
                                               const RecoverDump& recover);

}  // namespace lastword
