// Which snapshots of a set go. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "agent/transfer/clone.pb.h"

namespace lastword {

struct PrunePlan {
  std::vector<std::string> remove;       // UUIDs, oldest first
  std::vector<std::string> kept_common;  // would go, but are the last that another server has too
};
// The newest `keep` of them stay, and `latest`. Of `common`, the newest snapshots that other
// servers have, each stays, unless `force`: without it the next transfer there sends everything.
[[nodiscard]] PrunePlan plan_prune(std::span<const pb::CloneSnapshot> snapshots, std::size_t keep,
                                   const std::string& latest, std::span<const std::string> common,
                                   bool force);

}  // namespace lastword
