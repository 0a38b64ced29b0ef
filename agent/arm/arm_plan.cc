#include "agent/arm/arm_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace lastword {
namespace {

tl::unexpected<Error> refused(const std::string& detail) {
  return fail({.code = Code::kRefused, .operation = "arm", .detail = detail});
}

// The nonces of this boot. Those of an earlier one belong to no plan that is still loaded.
std::vector<std::string> live_nonces(const pb::CoredumpHeader& now, const pb::Plan& plan) {
  if (now.attribute() != pb::ARMED || now.node() != plan.node() ||
      now.boot_generation() != plan.boot_generation()) {
    return {};
  }
  return {now.plan_nonces().begin(), now.plan_nonces().end()};
}

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

Result<pb::CoredumpHeader> armed_header(const pb::CoredumpHeader& now, const pb::Plan& plan,
                                        const pb::Candidate& candidate) {
  if (now.attribute() == pb::IN_PROGRESS) return refused("a dump is in progress on it");
  if (holds_unsaved_dump(now) && !plan.keep_latest()) {
    return refused("it holds a dump that is not saved; run `lastword recover`");
  }
  auto nonces = live_nonces(now, plan);
  if (std::find(nonces.begin(), nonces.end(), plan.nonce()) == nonces.end()) {
    nonces.push_back(plan.nonce());
  }
  if (nonces.size() > kMaxPlanNonces) {
    return refused(
        fmt::format("arming was interrupted {} times in a row; run `lastword disarm`, "
                    "then `lastword arm`",
                    nonces.size() - 1));
  }
  pb::CoredumpHeader armed;
  armed.set_attribute(pb::ARMED);
  armed.set_node(plan.node());
  armed.set_boot_generation(plan.boot_generation());
  armed.set_rank(candidate.rank());
  for (std::string& nonce : nonces) armed.add_plan_nonces(std::move(nonce));
  armed.set_limit_ms(plan.dump_limit_ms());
  armed.set_extent_offset_bytes(candidate.data_offset_bytes());
  armed.set_extent_length_bytes(candidate.data_length_bytes());
  return armed;
}

Result<pb::CoredumpHeader> collapsed_header(const pb::CoredumpHeader& now, const pb::Plan& plan) {
  const auto nonces = live_nonces(now, plan);
  if (std::find(nonces.begin(), nonces.end(), plan.nonce()) == nonces.end()) {
    return refused("its header was changed by another; run `lastword arm` again");
  }
  pb::CoredumpHeader collapsed = now;
  collapsed.clear_plan_nonces();
  collapsed.add_plan_nonces(plan.nonce());
  return collapsed;
}

pb::CoredumpHeader retired_header(const pb::CoredumpHeader& now, std::uint32_t node) {
  if (now.attribute() != pb::ARMED || now.node() != node) return now;
  return {};
}

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
