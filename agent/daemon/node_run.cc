#include "agent/daemon/node_run.h"

#include <fmt/format.h>

#include <utility>

#include "agent/node/state_files.h"
#include "agent/protocol/watched_facts.h"

namespace lastword {
namespace {

std::string mode_and_phase(Phase phase) {
  return fmt::format("{} {}", name_of(mode_of(phase)), name_of(phase));
}

}  // namespace

void NodeRun::begin(ReservationKey life, Phase found) {
  if (life_ == life) return;
  life_ = life;
  plan_ = NodePlan(found);
  events_({.name = "state",
           .disk = {},
           .detail = fmt::format("{}: found in this node's records", mode_and_phase(found))});
  show(found, "found in this node's records");
}

void NodeRun::begin_anew(Phase found, std::string_view why) {
  if (found == plan_.phase()) return;
  events_({.name = "state",
           .disk = {},
           .detail = fmt::format("{} -> {}: {}", mode_and_phase(plan_.phase()),
                                 mode_and_phase(found), why)});
  plan_ = NodePlan(found);
  show(found, std::string(why));
}

NodePlan::Steps NodeRun::observe(const NodeFacts& facts) {
  auto steps = plan_.observe(facts);
  for (const NodePlan::Step& step : steps) {
    tell(step);
    perform(step);
  }
  return steps;
}

NodePlan::Step NodeRun::happened(NodeEvent event) {
  const NodePlan::Step step = plan_.happened(event);
  tell(step);
  perform(step);
  return step;
}

void NodeRun::perform(const NodePlan::Step& step) {
  for (const NodeAction action : step.row->actions.get()) {
    if (action == NodeAction::kWriteSlot && heartbeat_ != nullptr) heartbeat_->beat_now();
    if (action != NodeAction::kCancelGraceful || !load_request(config_)) continue;
    (void)remove_request(config_);
    if (heartbeat_ != nullptr) heartbeat_->ask({});
  }
}

void NodeRun::tell(const NodePlan::Step& step) {
  // The table says that this pair cannot be: nothing is done, and a person is to know.
  if (step.row->outcome == RowOutcome::kImpossible) {
    events_({.name = "state-impossible",
             .disk = {},
             .detail = fmt::format("{} in {}: {}", name_of(step.event), mode_and_phase(step.before),
                                   step.row->why)});
  }
  if (step.before == step.after) return;
  const std::string why = fmt::format("{}: {}", name_of(step.event), step.row->why);
  events_({.name = "state",
           .disk = {},
           .detail = fmt::format("{} -> {}: {}", mode_and_phase(step.before),
                                 mode_and_phase(step.after), why)});
  show(step.after, why);
}

void NodeRun::show(Phase phase, std::string why) {
  pb::AgentPhase shown;
  shown.set_phase(slot_phase(phase));
  shown.set_since_ms(executor_.now().count());
  shown.set_why(std::move(why));
  // For `status` only: what counts is in the records that the phase follows from.
  (void)save_agent_phase(config_, shown);
  if (heartbeat_ != nullptr) heartbeat_->set_phase(slot_phase(phase));
}

}  // namespace lastword
