// `lastword status`, done: looks at this node's files and at all disks in sight. Writes nothing,
// needs no agent, and works in every state of the node.
#pragma once

#include "agent/disks/survey.h"
#include "agent/records/status_plan.h"

namespace lastword {

// Each look tells of heartbeats what has changed since the looks before it.
class StatusRun {
 public:
  // Both outlive this.
  StatusRun(const Config& config, Surveyor& surveyor) : config_(config), surveyor_(surveyor) {}

  // Looks as often as it takes to tell whether the heartbeats go on: once, or where heartbeats are
  // there and were not seen to change yet, again after one and a half of a heartbeat. Errors: the
  // disks cannot be listed. Whatever else cannot be read is in the report.
  [[nodiscard]] Result<pb::StatusReport> look();

 private:
  [[nodiscard]] Result<Survey> survey();
  [[nodiscard]] bool all_beat(const Survey& survey) const;

  const Config& config_;
  Surveyor& surveyor_;
  BeatAges ages_;
  bool looked_ = false;
};

}  // namespace lastword
