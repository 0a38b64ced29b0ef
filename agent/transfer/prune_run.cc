#include "agent/transfer/prune_run.h"

#include <algorithm>

#include "agent/transfer/clone_store.h"
#include "agent/transfer/publication.h"

namespace lastword {

Result<PrunePlan> prune_set(const std::string& set, std::size_t keep, bool force) {
  const auto uuids = find_snapshots(set);
  if (!uuids) return fail(uuids.error());
  std::vector<pb::CloneSnapshot> snapshots;
  for (const std::string& uuid : *uuids) {
    auto snapshot = load_snapshot(directory_of(set, uuid));
    if (!snapshot) return fail(snapshot.error());
    snapshots.push_back(std::move(*snapshot));
  }
  const auto latest = newest_snapshot(set);
  if (!latest) return fail(latest.error());
  const auto common = common_snapshots(set);
  if (!common) return fail(common.error());
  PrunePlan plan = plan_prune(snapshots, keep, *latest, *common, force);
  for (const pb::CloneSnapshot& snapshot : snapshots) {
    if (std::ranges::find(plan.remove, snapshot.uuid()) == plan.remove.end()) continue;
    if (Status status = check_unused(directory_of(set, snapshot.uuid()), snapshot); !status) {
      return fail(status.error());
    }
  }
  if (Status status = unpublish(set, plan.remove); !status) return fail(status.error());
  return plan;
}

}  // namespace lastword
