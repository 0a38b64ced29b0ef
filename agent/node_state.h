// What `lastword start` leaves in the state directory for the other commands of the same boot. The
// file carries the kernel's boot id: a state left by an earlier boot counts as absent.
#pragma once

#include "agent/config.h"
#include "proto/keys.h"

namespace lastword {

struct NodeState {
  std::uint32_t boot_generation = 0;
  ReservationKey key;  // this node's key in this boot
};

// kNotFound: `lastword start` has not run since boot.
[[nodiscard]] Result<NodeState> load_node_state(const Config& config);
// Written to a temporary file, synced and renamed: a reader sees the old or the new state.
[[nodiscard]] Status save_node_state(const Config& config, const NodeState& state);

}  // namespace lastword
