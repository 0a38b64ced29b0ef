#include "agent/transfer/restore_plan.h"

#include <algorithm>

namespace lastword {
namespace {

tl::unexpected<Error> no_restore(const std::string& subject, std::string_view why) {
  return fail({.code = Code::kRefused, .operation = "restore", .disk = subject, .detail = why});
}

}  // namespace

Result<RestoreRoute> plan_route(const std::string& snapshot,
                                std::span<const pb::CloneSnapshot> here,
                                std::span<const std::string> there, bool has_volumes,
                                bool by_hashes) {
  const pb::CloneSnapshot* common = nullptr;
  for (const pb::CloneSnapshot& one : here) {
    if (one.uuid() == snapshot) return RestoreRoute{.way = RestoreWay::kHere, .base = {}};
    if (std::ranges::find(there, one.uuid()) == there.end()) continue;
    if (common == nullptr || one.taken_utc() > common->taken_utc()) common = &one;
  }
  if (std::ranges::find(there, snapshot) == there.end()) {
    return no_restore(snapshot, "neither server has this snapshot of the set");
  }
  if (common != nullptr && !by_hashes) {
    return RestoreRoute{.way = RestoreWay::kFromCommon, .base = common->uuid()};
  }
  return RestoreRoute{.way = has_volumes ? RestoreWay::kByHashes : RestoreWay::kWhole, .base = {}};
}

Result<std::vector<RestoredVolume>> plan_targets(const pb::CloneSnapshot& snapshot,
                                                 const std::string& only,
                                                 std::span<const std::string> present,
                                                 RestoreAs as) {
  std::vector<RestoredVolume> targets;
  for (const pb::CloneVolume& volume : snapshot.volumes()) {
    if (!only.empty() && volume.name() != only) continue;
    const std::string target = volume.name() + (as == RestoreAs::kNew ? ".restored" : "");
    if (as != RestoreAs::kRollback && std::ranges::find(present, target) != present.end()) {
      return no_restore(target, "is there already; rename or remove it");
    }
    targets.push_back({.name = volume.name(), .target = target});
  }
  if (targets.empty()) return no_restore(only, "the snapshot has no such volume");
  return targets;
}

}  // namespace lastword
