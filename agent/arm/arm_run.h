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
  std::string note;                  // worth knowing, although nothing went wrong; empty: none
};
// kNotFound: no disk is a candidate, or `lastword start` has not run. kRefused: the memory reserved
// for a capture kernel is missing or too small. Otherwise what capture_parts.h, capture_image.h,
// crash_kernel.h or a disk answers. On any error before the image is loaded the old plan stays
// valid; when loading failed, the error says what is loaded now. Headers that say ARMED for a plan
// that was not loaded, and a file capture.img.fresh, may be left behind: the next arming that
// completes replaces them.
[[nodiscard]] Result<ArmReport> arm_node(const Config& config, Situation& situation,
                                         const CrashKernel& kernel);

struct DisarmReport {
  unsigned disks = 0;            // headers that became INACTIVE
  std::vector<Error> leftovers;  // disks that still say ARMED; no plan goes with them
};
// ARMED -> INACTIVE on this node's disks, then unloads the image. Errors: the image could not be
// unloaded, or armed.json could not be removed.
[[nodiscard]] Result<DisarmReport> disarm_node(const Config& config, const NodeState& state,
                                               const Survey& survey, const CrashKernel& kernel);

}  // namespace lastword
