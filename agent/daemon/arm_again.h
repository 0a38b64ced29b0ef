// Arms this node again where the agent, or a handover of its, could not: the reason may be gone.
#pragma once

#include <functional>

#include "agent/base/executor.h"
#include "agent/daemon/agent_notes.h"
#include "agent/node/event.h"

namespace lastword {

class ArmAgain {
 public:
  // `executor`, `loop`, `notes` and what `events` refers to outlive this, and what it leaves
  // behind. `arm`: `lastword arm`; it may last, and is called elsewhere.
  ArmAgain(Executor& executor, Loop& loop, const EventSink& events,
           std::shared_ptr<AgentNotes> notes, std::function<Status()> arm)
      : executor_(executor),
        loop_(loop),
        events_(events),
        notes_(std::move(notes)),
        arm_(std::move(arm)) {}

  // `arm`, for whoever arms: what it fails at is tried again.
  [[nodiscard]] std::function<Status()> noted() const;
  // After each look, in a life that goes on. Tries 10 s after the first failure, then after twice
  // the time, up to 5 minutes, kTries times in all. Events: armed, and not-armed for a reason that
  // is new, or with the last try.
  void follow();

  static constexpr unsigned kTries = 20;

 private:
  void on_tried(const Status& armed);

  Executor& executor_;
  Loop& loop_;
  const EventSink& events_;
  std::shared_ptr<AgentNotes> notes_;
  std::function<Status()> arm_;
  bool busy_ = false;
};

}  // namespace lastword
