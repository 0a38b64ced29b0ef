// `lastword status`, done: looks at this node's files and at all disks in sight, and asks the agent
// what only the agent knows. Disks are read here although the agent reads them too: what it has
// read may be seconds old, and while it takes over much older. Writes nothing, needs no agent, and
// works in every state of the node.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "agent/disks/survey.h"
#include "agent/records/status_plan.h"

namespace lastword {

// Each look tells of heartbeats what has changed since the looks before it.
class StatusRun {
 public:
  // Asks this node's agent; absent: nobody asks it.
  using AskAgent = std::function<std::optional<pb::StatusAgent>()>;

  // Both outlive this.
  StatusRun(
      const Config& config, Surveyor& surveyor,
      AskAgent ask_agent = [] { return std::optional<pb::StatusAgent>(); })
      : config_(config), surveyor_(surveyor), ask_agent_(std::move(ask_agent)) {}

  // Looks as often as it takes to tell whether the heartbeats go on: once, or where heartbeats are
  // there and were not seen to change yet, again after one and a half of a heartbeat. Errors: the
  // disks cannot be listed. Whatever else cannot be read is in the report.
  [[nodiscard]] Result<pb::StatusReport> look();

 private:
  [[nodiscard]] Result<Survey> survey();
  [[nodiscard]] bool all_beat(const Survey& survey) const;

  const Config& config_;
  Surveyor& surveyor_;
  AskAgent ask_agent_;
  BeatAges ages_;
  bool looked_ = false;
};

}  // namespace lastword
