// What state a node is in, and what it does next: facts in, steps of node_table.h out. Pure; the
// driver is the daemon.
//
//   plan.observe(facts)        after each survey, each message, each tick
//   plan.happened(event)       for what came of an action, the end of a time, an order
//
// Both return steps in their order. Of each, the new state is made durable before its actions are
// carried out. An order is refused by takeover_refusals.h, or by a row of the table that says so,
// before it comes here.
//
// Facts are gathered after the records that the actions before write are durable (intent, giveback,
// countdown): older facts would show a node the past. Takings and hooks may still be at work.
#pragma once

#include <optional>
#include <vector>

#include "agent/protocol/node_facts.h"
#include "agent/protocol/node_table.h"

namespace lastword {

// What a node remembers besides its state, from one observation to the next.
struct NodeMemory {
  enum class Ballot : std::uint8_t { kNone, kAnnounced, kVoting };
  Ballot ballot = Ballot::kNone;           // of this node's own takeover
  bool told_of_peer_announcement = false;  // takeover-announced was told
};

// The facts that mean something to a node in this state, as events, the most urgent first.
[[nodiscard]] std::vector<NodeEvent> events_of(Phase phase, const NodeFacts& facts,
                                               const NodeMemory& memory);

class NodePlan {
 public:
  struct Step {
    NodeEvent event;
    Phase before;
    Phase after;
    const NodeRow* row;  // outcome, actions, why
  };
  using Steps = std::vector<Step>;

  // `start`: kLooking after a boot; after a restart of the daemon alone what was durable. A daemon
  // that restarts as arbitrating begins the time of its announcement anew. `told`: the service was
  // told of an announcement of the peer, and not of its end.
  explicit NodePlan(Phase start = Phase::kLooking, bool told = false);

  // Stops after a step whose actions make the facts old: one that leaves a state, or begins or ends
  // an announcement. Steps that only ignore are not returned.
  [[nodiscard]] Steps observe(const NodeFacts& facts);
  // Always one step, also of an event that is ignored: its row tells the operator why. An answer to
  // an announcement or to votes that were called off meanwhile is ignored in every state.
  [[nodiscard]] Step happened(NodeEvent event);

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] const NodeMemory& memory() const { return memory_; }

 private:
  [[nodiscard]] bool overtaken(NodeEvent event) const;

  Phase phase_;
  NodeMemory memory_;
};

}  // namespace lastword
