// Takeover of the partner's disks, for real: the driver of takeover_plan.h. Threads take disks and
// recover dumps; one loop feeds the plan with what they report and with the headers it keeps
// reading.
#pragma once

#include <functional>

#include "agent/config.h"
#include "agent/event.h"
#include "agent/node_state.h"
#include "agent/survey.h"

namespace lastword {

// Saves the dump on a disk that this node holds. Returns where the core went.
using RecoverDump = std::function<Result<std::string>(const SurveyedDisk& disk)>;

struct TakeoverReport {
  struct Disk {
    std::string path;
    std::string uuid;
    pb::Role role = pb::SERVICE;
    std::string outcome;  // "taken", "saved", "given up", ...
    std::string detail;
  };
  std::vector<Disk> disks;
  bool complete = false;  // every disk taken, every dump saved
};

// Runs to the end: all disks taken or given up, dumps recovered. kFenced when the partner won the
// arbitration (then nothing was touched). May be killed at any point and run again.
[[nodiscard]] Result<TakeoverReport> take_over(const Config& config, const NodeState& state,
                                               const Survey& survey, const EventSink& events,
                                               const RecoverDump& recover);

// What take_over would do first, and whether it could: arbitration, disks now, disks later.
[[nodiscard]] TakeoverReport plan_takeover(const Config& config, const Survey& survey);

}  // namespace lastword
