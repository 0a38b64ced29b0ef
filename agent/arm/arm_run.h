// Arming and disarming this node: the work behind `lastword arm`, `disarm` and the first half of
// `stop`. The caller holds lock_state().
#pragma once

#include <string>
#include <vector>

#include "agent/arm/arm_plan.h"
#include "agent/arm/crash_kernel.h"
#include "agent/arm/situation.h"
#include "agent/node/state_files.h"

namespace lastword {

struct ArmReport {
  pb::ArmedState armed;
  std::vector<std::size_t> disks;    // the candidates, by rank; indices into the survey
  std::vector<std::string> remarks;  // what went wrong, though the plan is valid
  std::string note;                  // worth knowing, nothing went wrong; empty: nothing
};
// kNotFound: no disk is a candidate. On any error before the image is loaded the old plan stays
// valid; when loading failed, the error says what is loaded now.
[[nodiscard]] Result<ArmReport> arm_node(const Config& config, Situation& situation,
                                         const CrashKernel& kernel);

struct DisarmReport {
  unsigned disks = 0;            // headers that became INACTIVE
  std::vector<Error> leftovers;  // disks that still say ARMED; no plan goes with them
};
// ARMED -> INACTIVE on this node's disks, then unloads the image. Fails when the image could not be
// unloaded.
[[nodiscard]] Result<DisarmReport> disarm_node(const Config& config, const NodeState& state,
                                               const Survey& survey, const CrashKernel& kernel);

}  // namespace lastword
