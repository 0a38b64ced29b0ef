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
  // outlives this.
  LeaveRun(const Config& config, Surveyor& surveyor, EventSink events, LeaveHands hands, Loop& loop)
      : config_(config),
        surveyor_(surveyor),
        events_(std::move(events)),
        hands_(std::move(hands)),
        loop_(loop) {}

  // `asked`: the newest of the partner's slots. `state`: a life of this node that serves. An
  // answer that was interrupted is begun anew as long as it is asked for by a partner that is
  // heard; otherwise the service is begun again. Events: those of HandoverWork, handover-refused.
  void follow(const NodeState& state, const pb::MailboxSlot& asked, Standing partner);
  // The service is being ended, or has ended.
  [[nodiscard]] bool busy() const { return busy_; }

 private:
  void answer(const pb::LeaveRequest& request);
  void on_answered(const pb::LeaveRequest& request, const Result<HandoverReport>& report);
  void undo();
  bool note(const pb::LeaveRequest& request, bool ended);
  void refused(const std::string& why);

  const Config& config_;
  Surveyor& surveyor_;
  EventSink events_;
  LeaveHands hands_;
  Loop& loop_;
  bool busy_ = false;
  bool loaded_ = false;
  pb::RequestAnswer answer_;  // the newest
  Instant not_before_{};
  std::string told_;
};

}  // namespace lastword
