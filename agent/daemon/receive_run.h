// A node that waits takes its disks as the partner gives them back, arms, and goes into service:
// the driver of agent/protocol/waiting_plan.h.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/executor.h"
#include "agent/disks/survey.h"
#include "agent/node/event.h"
#include "agent/protocol/returned_service.h"
#include "agent/protocol/waiting_plan.h"
#include "agent/service/start_run.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// What it calls besides disks; both may last, and are called elsewhere.
struct ReceiveHands {
  RunHook run_hook = [](const HookInput&) { return Status(); };  // of `service-returned`
  std::function<Status()> arm = [] { return Status(); };         // `lastword arm`
  RunHook resume = {};                                           // see resume_pending()

  [[nodiscard]] ReceiveHands with(std::function<Status()> other_arm) const {
    return {.run_hook = run_hook, .arm = std::move(other_arm), .resume = resume};
  }
};

class ReceiveRun {
 public:
  // `surveyor`, `loop` and what `config` and `events` refer to outlive this; this outlives the
  // loop's last run. `received`: all disks are this node's, and it is in service.
  ReceiveRun(const Config& config, Surveyor& surveyor, const EventSink& events, ReceiveHands hands,
             Loop& loop, std::function<void()> received)
      : config_(config),
        surveyor_(surveyor),
        events_(events),
        hands_(std::move(hands)),
        loop_(loop),
        received_(std::move(received)) {}

  // After each look, in a life that goes on: one that waits, or that has its disks again and has
  // not told its service of it; that look began after it had them. Events: disk-returned,
  // disk-not-returned, note-not-kept, armed, not-armed, service-held-back, service-returned,
  // hook-failed.
  void follow(const Survey& survey, const NodeState& state, bool may_be_coming);
  // service-returned is at work.
  [[nodiscard]] bool runs_hook() const { return runs_hook_; }

 private:
  void receive(const Survey& survey, const NodeState& state, std::vector<std::size_t> disks);
  void on_received(const Survey& survey, const std::vector<std::size_t>& disks,
                   const std::vector<Result<pb::CoredumpHeader>>& results);
  void arm();
  // A mailbox disk that came late, or failed: the partner would not hear there that this node
  // waits.
  void join_again(const Survey& survey, const NodeState& state, bool may_be_coming);
  void enter_service(const NodeState& state, bool may_be_coming);
  void on_started(const Result<StartReport>& report);
  void announce(const Survey& survey, const NodeState& state, bool may_be_coming);
  void hold_back(const Survey& survey, const NodeState& state, const ReturnedService& service,
                 bool may_be_coming);
  void tell_unreadable(const Survey& survey, const std::vector<std::size_t>& disks);
  void tell_once(std::string disk, std::string problem);

  const Config& config_;
  Surveyor& surveyor_;
  const EventSink& events_;
  ReceiveHands hands_;
  Loop& loop_;
  std::function<void()> received_;
  bool busy_ = false;
  bool arm_when_announced_ = false;
  bool takes_missing_ = false;  // `start` is at work for disks that the service waits for
  bool runs_hook_ = false;
  bool announced_ = false;  // service-returned was begun, since this node has its disks again
  Instant next_join_{};
  std::map<std::string, std::string> told_;  // the last problem, by disk
  std::set<std::string> notes_told_;         // paths of notes that could not be kept
  std::string told_held_back_;
};

}  // namespace lastword
