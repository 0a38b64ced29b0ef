// What `lastword start` does about stray registrations (agent/protocol/stray_plan.h), once its
// disks are in service.
#pragma once

#include "agent/service/start_run.h"

namespace lastword {

// Looks again where the survey of this start saw such registrations, and carries out what
// plan_strays() says; adds a remark for each key. Holds lock_takeover() meanwhile; nothing is done
// while a takeover of this node has it.
void clear_strays(const Config& config, const NodeState& state, const DiskAccess& access,
                  StartReport& report);

}  // namespace lastword
