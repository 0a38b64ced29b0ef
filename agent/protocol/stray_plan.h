// Registrations that stand where nobody needs them: a seizure that failed or was killed leaves such
// ones. With type 5 every registrant writes, so `lastword start` takes them away once its disks are
// in service. Pure: two surveys in, what to do out.
//
// A key of the partner's life that goes on is removed here without a majority, an order or a proof.
// So the disk must be this node's by its label and by its reservation, both of this life; the key
// must have been there before this start and still be; and no disk may tell of a takeover from this
// node that is under way.
#pragma once

#include <optional>
#include <vector>

#include "agent/protocol/start_plan.h"

namespace lastword {

struct StrayPlan {
  struct Removal {
    std::size_t disk = 0;  // index into `now`
    std::vector<ReservationKey> keys;
  };
  std::vector<Removal> remove;        // the partner's keys, from disks of this node
  std::vector<std::size_t> withdraw;  // this node's keys, from disks of the partner
  std::vector<DiskRemark> left;       // the partner's keys that are not removed, and why
};

// The disks that plan_strays() would look into, as indices.
[[nodiscard]] std::vector<std::size_t> stray_disks(const Survey& survey, const Config& config);

// `before`: before this start touched a disk; `now`: since its disks are in service, and its
// `state` says so. `intent`: this node's own, as of now.
[[nodiscard]] StrayPlan plan_strays(const Survey& before, const Survey& now, const Config& config,
                                    const NodeState& state,
                                    const std::optional<pb::TakeoverIntent>& intent);

}  // namespace lastword
