// This node and its disks as they are now: what arm, candidates and check start from.
#pragma once

#include <optional>
#include <vector>

#include "agent/arm/candidate_plan.h"
#include "agent/protocol/disk_view.h"
#include "agent/protocol/examination.h"
#include "agent/protocol/node_state.h"

namespace lastword {

struct Situation {
  std::optional<NodeState> state;  // empty: `lastword start` has not run since boot
  Survey survey;
  SelectionPolicy policy;
  std::vector<Examination> examined;  // one for each disk of the survey
};
// Reads only. `config` must outlive the result. A sick disk is no error: the survey and `examined`
// say what is wrong with it. Errors: the node's state cannot be read (kCorrupt, kIo), or the memory
// (read_memory_figures()), or the disks cannot be listed.
[[nodiscard]] Result<Situation> assess_situation(const Config& config);

}  // namespace lastword
