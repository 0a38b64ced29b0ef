// Arming and disarming this node: the work behind `lastword arm`, `disarm` and the first half of
// `stop`. The caller holds lock_state().
#pragma once

#include <string>
#include <vector>

#include "agent/arm/arm_plan.h"
#include "agent/arm/candidate_plan.h"
#include "agent/arm/crash_kernel.h"
#include "agent/arm/module_closure.h"
#include "agent/node/state_files.h"

namespace lastword {

// The survey, the memory and what the disks answered: what arm, candidates and check look at.
struct Situation {
  std::optional<NodeState> state;  // empty: `lastword start` has not run since boot
  Survey survey;
  SelectionPolicy policy;
  std::vector<Examination> examined;
};
// `config` must outlive the result.
[[nodiscard]] Result<Situation> assess_situation(const Config& config);

// The kernel that is to be started after a panic, and the modules that go with it.
struct CaptureKernel {
  std::string path;     // /boot/vmlinuz-RELEASE, or what the configuration says
  std::string release;  // its own, which names the modules' directory
};
[[nodiscard]] Result<CaptureKernel> find_capture_kernel(const Config& config);

// The modules that reach the disks (indices into the survey), in load order, with those that the
// configuration adds.
[[nodiscard]] Result<std::vector<KernelModule>> modules_for(const Config& config,
                                                            const Survey& survey,
                                                            const std::vector<std::size_t>& disks,
                                                            const std::string& release);

[[nodiscard]] pb::Plan make_plan(const Config& config, const NodeState& state, const Survey& survey,
                                 const std::vector<std::size_t>& disks,
                                 const std::vector<KernelModule>& modules,
                                 const std::string& nonce);

struct ArmReport {
  pb::ArmedState armed;
  std::vector<std::size_t> disks;  // the candidates, by rank; indices into the survey
  std::vector<std::string>
      remarks;       // what did not go as it should, without making the plan invalid
  std::string note;  // worth knowing, nothing went wrong; empty: nothing
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
