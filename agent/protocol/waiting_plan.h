// What a node does next whose disks the partner has, from an earlier life (NodeState::waiting):
// wait, take what is promised to it, or go into service. Pure; the driver is
// agent/daemon/receive_run.h.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/protocol/config.h"
#include "agent/protocol/disk_view.h"
#include "agent/protocol/node_state.h"

namespace lastword {

enum class NextWhileWaiting : std::uint8_t {
  kWait,
  kReceive,       // WaitingStep::promised
  kEnterService,  // the partner has none of this node's disks any more, or never came for them
};

struct WaitingStep {
  NextWhileWaiting next = NextWhileWaiting::kWait;
  std::vector<std::size_t> promised;  // indices into the survey, dump disks before the service's
  // Where nothing but these is waited for: disks of this node's service that cannot be read, and
  // that the partner may still have.
  std::vector<std::size_t> unreadable;
};
// `may_be_coming`: a partner that has announced a takeover of an earlier life may still act.
[[nodiscard]] WaitingStep next_while_waiting(const Survey& survey, const Config& config,
                                             const NodeState& state, bool may_be_coming);

// It is registered on each mailbox disk in sight.
[[nodiscard]] bool all_joined(const Survey& survey, const Config& config, const NodeState& state);

// This life has got disks of its own.
[[nodiscard]] bool has_received(const Survey& survey, const Config& config, const NodeState& state);

}  // namespace lastword
