// The plan that goes into the capture image: all that the dump writer will know of this node.
#pragma once

#include <string>
#include <vector>

#include "agent/arm/module_closure.h"
#include "agent/protocol/config.h"
#include "agent/protocol/disk_view.h"
#include "agent/protocol/node_state.h"
#include "proto/plan.pb.h"

namespace lastword {

// Sets the fields of the plan that come from the configuration.
void set_settings(pb::Plan& plan, const Config& config);

// `disks`: the candidates (indices into the survey), the best first. The kernel release is that of
// the running kernel.
[[nodiscard]] pb::Plan make_plan(const Config& config, const NodeState& state, const Survey& survey,
                                 const std::vector<std::size_t>& disks,
                                 const std::vector<KernelModule>& modules,
                                 const std::string& nonce);

}  // namespace lastword
