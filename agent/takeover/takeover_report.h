// What a takeover did, or what it would do now (`lastword takeover --dry-run`). Pure: a survey in,
// a report out.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/protocol/config.h"
#include "agent/protocol/disk_view.h"
#include "agent/protocol/node_state.h"

namespace lastword {

struct TakeoverReport {
  struct Disk {
    std::string path;
    std::string uuid;
    pb::Role role = pb::SERVICE;
    std::string outcome;  // "taken", "saved", "given up", ...
    std::string detail;
  };
  std::vector<Disk> disks;
  // Forecast: what would keep the takeover as a whole from touching a disk, and what to do.
  std::vector<std::string> obstacles;
  // Every disk taken, every dump saved. Forecast: nothing known stands against it.
  bool complete = false;
  // It was ended before it was done, by an order to stop: the next run goes on with it.
  bool interrupted = false;
};

void merge(TakeoverReport& report, TakeoverReport more);

// Disks whose label cannot be read may be the partner's: the takeover is not complete. Not those
// that may_be_taken_late() rules out; `had`: UUIDs of disks that were taken.
void add_unreadable(const Survey& survey, const Config& config, const NodeState& state,
                    const std::set<std::string>& had, TakeoverReport& report);

// Copies of the partner's disks of which neither node holds one: which is the right one cannot be
// told, so none is taken, and the takeover is not complete.
void add_copies(const Survey& survey, const Config& config, TakeoverReport& report);

// What take_over (takeover_run.h) would do first, and whether it could. `state` as it was loaded:
// one that failed is an obstacle. `heard_set`: see check_heard_set(); absent: an operator wants no
// votes. `intent`: the newest of this node's.
[[nodiscard]] TakeoverReport forecast_takeover(
    const Config& config, const Result<NodeState>& state, const Survey& survey,
    std::optional<std::uint64_t> heard_set = 0,
    const std::optional<pb::TakeoverIntent>& intent = {});

}  // namespace lastword
