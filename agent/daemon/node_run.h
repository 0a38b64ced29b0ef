// The node machine of this agent (agent/protocol/node_plan.h): its state outlives a takeover, and
// is told as it changes, to people, to `lastword status` and to the partner.
#pragma once

#include <optional>

#include "agent/base/executor.h"
#include "agent/daemon/heartbeat.h"
#include "agent/node/event.h"
#include "agent/protocol/node_plan.h"

namespace lastword {

class NodeRun {
 public:
  // All of them outlive this. `heartbeat`: may be null.
  NodeRun(const Config& config, Executor& executor, EventSink events, Heartbeat* heartbeat)
      : config_(config), executor_(executor), events_(std::move(events)), heartbeat_(heartbeat) {}

  // A life of this node goes on from its records. Nothing happens where that life has begun.
  void begin(ReservationKey life, Phase found);
  // The records contradict what is remembered, and no event leads there.
  void begin_anew(Phase found, std::string_view why);
  // node_plan.h. The change of state is told before this returns (event `state`, phase.json, the
  // next heartbeat). What is left to the caller of its actions is all but write-slot and
  // cancel-graceful.
  [[nodiscard]] NodePlan::Steps observe(const NodeFacts& facts);
  NodePlan::Step happened(NodeEvent event);

  [[nodiscard]] Phase phase() const { return plan_.phase(); }
  // Votes are being cast, or are about to be.
  [[nodiscard]] bool votes() const { return plan_.memory().ballot == NodeMemory::Ballot::kVoting; }

 private:
  void tell(const NodePlan::Step& step);
  void perform(const NodePlan::Step& step);
  void show(Phase phase, std::string why);

  const Config& config_;
  Executor& executor_;
  EventSink events_;
  Heartbeat* heartbeat_;
  std::optional<ReservationKey> life_;
  NodePlan plan_;
};

}  // namespace lastword
