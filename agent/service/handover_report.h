// What a handover did, or what it would do now (`lastword handover --dry-run`). Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/protocol/handover_plan.h"
#include "agent/service/giveback_report.h"

namespace lastword {

struct HandoverReport {
  struct Disk {
    std::string path;
    std::string uuid;
    pb::Role role = pb::SERVICE;
    std::string outcome;  // "left", "kept"; forecast: "would be left", "not at all"
  };
  std::vector<Disk> disks;
  std::vector<GivebackReport::Objection> vetoes;  // not empty: nothing was touched
  std::string problem;    // why it has not come to its end, and what follows
  bool complete = false;  // each disk is the partner's; forecast: nothing known against it
};

// The rows of this node's disks, as they are now.
[[nodiscard]] std::vector<HandoverReport::Disk> handover_rows(const Survey& survey,
                                                              const Config& config);
// What hand_over() (handover_run.h) would do, and whether it could.
[[nodiscard]] HandoverReport forecast_handover(const Survey& survey, const Config& config,
                                               const NodeState& state, const HandoverPlan& plan);

}  // namespace lastword
