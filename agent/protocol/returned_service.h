// The service of a node that has its own disks again: which of them it has, and which are missing.
// Pure; the driver is agent/daemon/receive_run.h.
#pragma once

#include <vector>

#include "agent/protocol/config.h"
#include "agent/protocol/disk_view.h"
#include "agent/protocol/node_state.h"

namespace lastword {

// Indices into the survey.
struct ReturnedService {
  std::vector<std::size_t> held;
  // Not held; or not readable, where an earlier look has read that it is one of them.
  std::vector<std::size_t> missing;

  // Service begins when all are there, unless the configuration says otherwise; never without any.
  [[nodiscard]] bool may_begin(const Config& config) const {
    return !held.empty() && (missing.empty() || config.incomplete_service);
  }
};
[[nodiscard]] ReturnedService returned_service(const Survey& survey, const Config& config,
                                               const NodeState& state);

}  // namespace lastword
