// `lastword stop`, done: disarms, and hands this node's disks back so that its next life, or its
// partner, finds them free.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/node/state_files.h"
#include "agent/service/disk_access.h"

namespace lastword {

// Undoes `lastword arm`; returns the disks that still say ARMED with no plan behind them. Fails
// when the capture image could not be unloaded.
using Disarm =
    std::function<Result<std::vector<Error>>(const NodeState& state, const Survey& survey)>;

enum class StopOutcome {
  kNotInService,  // no life has begun since boot: there was nothing to do
  kStillArmed,    // see disarm_problem; nothing was released
  kStopped,       // see not_released and unreadable for what was not
};

struct StopReport {
  StopOutcome outcome = StopOutcome::kStopped;
  std::optional<Error> disarm_problem;
  std::vector<Error> still_armed;
  unsigned released = 0;
  std::vector<Error> not_released;
  // Not released either: their labels cannot be read, so they may be this node's.
  std::vector<DiskView> unreadable;
  std::vector<std::string> kept;  // paths of the partner's disks, taken over and not given back
  // An error: the node's state could not be written, so the next start takes this life for one that
  // goes on.
  Status state_kept;
};

// Holds lock_state() and lock_takeover() meanwhile. A disk that is not released keeps this node's
// key and may be released by another stop. The life ends all the same, unless disks of the partner
// are kept. Errors: another command or a takeover is at work (kRefused), the state cannot be read,
// or the disks cannot be listed; nothing was changed then.
// `ended`: UUIDs of the disks whose service has been ended. Another disk of the service, that did
// not answer then, is not released. Absent: whoever calls it has ended all.
[[nodiscard]] Result<StopReport> stop_node(
    const Config& config, const Disarm& disarm, const DiskAccess& access,
    const std::optional<std::vector<std::string>>& ended = std::nullopt);

}  // namespace lastword
