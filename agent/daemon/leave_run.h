// The agent of a node that is asked to leave (pb::LeaveRequest): does the work of `lastword
// handover` elsewhere, once for each request. The driver of asks_to_leave() in
// agent/protocol/handover_plan.h.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/base/executor.h"
#include "agent/node/event.h"
#include "agent/node/state.pb.h"
#include "agent/protocol/node_state.h"
#include "agent/protocol/peer_watch.h"
#include "agent/service/handover_run.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// What it calls besides disks; all may last, and are called elsewhere. They own what they need.
struct LeaveHands {
  RunHook run_hook = [](const HookInput&) { return Status(); };
  Disarm disarm = [](const NodeState&, const Survey&) { return Result<std::vector<Error>>(); };
  std::function<Status()> arm = [] { return Status(); };
};

class LeaveRun {
 public:
  // `config`, `surveyor` and what it refers to outlive this, and what it leaves behind; `loop`
  // outlives this. `ended`: an answer has ended, and this node has left its disks or has not.
  LeaveRun(const Config& config, Surveyor& surveyor, EventSink events, LeaveHands hands, Loop& loop,
           std::function<void(bool left)> ended)
      : config_(config),
        surveyor_(surveyor),
        events_(std::move(events)),
        hands_(std::move(hands)),
        loop_(loop),
        ended_(std::move(ended)) {}

  // A partner that is heard asks this life to leave, and has had no answer to that: none was begun,
  // or one was interrupted. `asked`: the newest of the partner's slots.
  [[nodiscard]] bool is_asked(const NodeState& state, const pb::MailboxSlot& asked,
                              Standing partner);
  // Ends the service, and leaves. Events: those of HandoverWork, handover-refused.
  void answer(const pb::LeaveRequest& request);
  // Begins the service again where an answer was interrupted, and nobody asks any more.
  void undo_if_over(const NodeState& state, const pb::MailboxSlot& asked, Standing partner);

 private:
  [[nodiscard]] bool may_begin();
  [[nodiscard]] bool is_open() const;
  void on_answered(const pb::LeaveRequest& request, const Result<HandoverReport>& report);
  void undo();
  bool note(const pb::LeaveRequest& request, bool ended);
  void refused(const std::string& why);

  const Config& config_;
  Surveyor& surveyor_;
  EventSink events_;
  LeaveHands hands_;
  Loop& loop_;
  std::function<void(bool left)> ended_;
  bool busy_ = false;
  bool loaded_ = false;
  pb::RequestAnswer answer_;  // the newest
  Instant not_before_{};
  std::string told_;
};

}  // namespace lastword
