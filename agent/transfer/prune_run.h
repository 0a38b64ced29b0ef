// lastword clone prune: removes old snapshots of a set.
#pragma once

#include <string>

#include "agent/transfer/prune_plan.h"
#include "proto/error.h"

namespace lastword {

// Returns what was done. Each snapshot goes whole: what a kill leaves is removed by the next
// command that stages in the set. kRefused: one that is to go is mounted or open for writing, and
// nothing was removed; or another lastword clone is at work on the set.
[[nodiscard]] Result<PrunePlan> prune_set(const std::string& set, std::size_t keep, bool force);

}  // namespace lastword
