#include "agent/transfer/prune_plan.h"

#include <algorithm>

namespace lastword {

PrunePlan plan_prune(std::span<const pb::CloneSnapshot> snapshots, std::size_t keep,
                     const std::string& latest, std::span<const std::string> common, bool force) {
  std::vector<const pb::CloneSnapshot*> oldest_first;
  for (const pb::CloneSnapshot& one : snapshots) oldest_first.push_back(&one);
  std::ranges::stable_sort(oldest_first, {}, [](const auto* one) { return one->taken_utc(); });
  PrunePlan plan;
  const std::size_t surplus = oldest_first.size() - std::min(keep, oldest_first.size());
  for (const pb::CloneSnapshot* one : std::span(oldest_first).first(surplus)) {
    if (one->uuid() == latest) continue;
    const bool is_common = std::ranges::find(common, one->uuid()) != common.end();
    (is_common && !force ? plan.kept_common : plan.remove).push_back(one->uuid());
  }
  return plan;
}

}  // namespace lastword
