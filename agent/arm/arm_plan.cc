#include "agent/arm/arm_plan.h"

#include <algorithm>

#include "proto/coredump.h"

namespace lastword {
namespace {

// Owns all it needs: a thread that hangs in the kernel may outlive the caller.
HeaderChange change_for(const ArmStep& step, const pb::Plan& plan) {
  switch (step.kind) {
    case ArmStep::Kind::kArm:
      return [plan, candidate = step.candidate](const auto& now) {
        return armed_header(now, plan, candidate);
      };
    case ArmStep::Kind::kCollapse:
      return [plan](const auto& now) { return collapsed_header(now, plan); };
    case ArmStep::Kind::kRetire:
      return [node = plan.node()](const auto& now) { return retired_header(now, node); };
    case ArmStep::Kind::kLoad:
      break;
  }
  return {};
}

}  // namespace

std::vector<ArmStep> arm_steps(const pb::Plan& plan, const std::vector<std::size_t>& disks,
                               const std::vector<std::size_t>& armed) {
  std::vector<ArmStep> steps;
  for (std::size_t i = 0; i < disks.size(); ++i) {
    steps.push_back({.kind = ArmStep::Kind::kArm,
                     .disk = disks[i],
                     .candidate = plan.candidates(static_cast<int>(i))});
  }
  steps.push_back({.kind = ArmStep::Kind::kLoad, .disk = 0, .candidate = {}});
  for (const std::size_t disk : disks) {
    steps.push_back({.kind = ArmStep::Kind::kCollapse, .disk = disk, .candidate = {}});
  }
  for (const std::size_t disk : armed) {
    if (std::find(disks.begin(), disks.end(), disk) != disks.end()) continue;
    steps.push_back({.kind = ArmStep::Kind::kRetire, .disk = disk, .candidate = {}});
  }
  return steps;
}

ArmOutcome run_arm_steps(const std::vector<ArmStep>& steps, const pb::Plan& plan,
                         const ArmTargets& targets) {
  ArmOutcome outcome;
  for (const ArmStep& step : steps) {
    if (step.kind == ArmStep::Kind::kLoad) {
      if (Status status = targets.load(); !status) {
        outcome.error = status.error();
        return outcome;
      }
      outcome.loaded = true;
      continue;
    }
    const Status status = targets.change_header(step.disk, change_for(step, plan));
    if (status) continue;
    if (outcome.loaded) {
      outcome.leftovers.push_back(status.error());
      continue;
    }
    outcome.error = status.error();
    outcome.failed_disk = step.disk;
    return outcome;
  }
  return outcome;
}

}  // namespace lastword
