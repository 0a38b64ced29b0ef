// Takes this node's own disks again, and joins its mailbox disks, where the shelf has lost its
// reservations (find_lost_reservations() in agent/protocol/mailbox.h). Holds disks again that go
// back to the partner: after a reboot in the middle of a giveback, or where both nodes wait and
// this one gives back first (find_borrowed()).
#pragma once

#include <optional>

#include "agent/base/executor.h"
#include "agent/disks/survey.h"
#include "agent/node/event.h"
#include "agent/protocol/node_state.h"

namespace lastword {

class TakeAnew {
 public:
  // All that is referred to outlives this, and this outlives the loop's last run.
  TakeAnew(const Config& config, Surveyor& surveyor, const EventSink& events, Loop& loop)
      : config_(config), surveyor_(surveyor), events_(events), loop_(loop) {}

  // After each look, in a life that goes on. What `start` or `stop` has in hand is left to the next
  // look. Events for each disk: reservations-lost, held-again.
  // `partner_waits`: it is heard, and says so.
  void follow(const Survey& survey, const NodeState& state,
              const std::optional<pb::TakeoverIntent>& intent, bool partner_waits);

 private:
  const Config& config_;
  Surveyor& surveyor_;
  const EventSink& events_;
  Loop& loop_;
  bool busy_ = false;
};

}  // namespace lastword
