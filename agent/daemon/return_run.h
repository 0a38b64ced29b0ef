// Gives the partner's disks back without a command: goes on with a giveback that was interrupted,
// and begins one of its own where [giveback] automatic wants it. The driver of
// agent/protocol/automatic_giveback_plan.h.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/base/executor.h"
#include "agent/daemon/agent_notes.h"
#include "agent/disks/survey.h"
#include "agent/node/event.h"
#include "agent/protocol/automatic_giveback_plan.h"
#include "agent/service/giveback_run.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// What it calls besides disks; it may last, and is called elsewhere. It owns what it needs.
struct ReturnHands {
  RunHook run_hook = [](const HookInput&) { return Status(); };
};

class ReturnRun {
 public:
  // `config`, `surveyor` and what it refers to outlive this, and what it leaves behind; `loop`
  // outlives this. `changed`: this has written records of this node's. `notes`: what the agent
  // remembers of earlier ones.
  ReturnRun(const Config& config, Surveyor& surveyor, EventSink events, ReturnHands hands,
            Loop& loop, std::function<void()> changed,
            std::shared_ptr<AgentNotes> notes = std::make_shared<AgentNotes>())
      : config_(config),
        surveyor_(surveyor),
        events_(std::move(events)),
        hands_(std::move(hands)),
        loop_(loop),
        changed_(std::move(changed)),
        notes_(std::move(notes)) {}

  // What is known of the partner now, more often than a heartbeat is due.
  void hear(const std::optional<pb::MailboxSlot>& newest, Standing standing);
  // After each look, in a life that goes on. The giveback holds lock_takeover(); where somebody
  // else does, the next look tries again. Events: those of GivebackWork, giveback-held-back,
  // giveback-left-to-operator, giveback-count-ended, giveback-count-not-ended.
  void follow(const Survey& survey, const NodeState& state,
              const std::optional<pb::TakeoverIntent>& intent, const ClusterSwitches& switches);
  // The partner is heard, and waits for its disks, or for the rest of them.
  [[nodiscard]] bool partner_waits() const {
    return partner_.does() == SteadyPartner::Does::kWaits;
  }
  // A giveback of this agent is under way.
  [[nodiscard]] bool busy() const { return busy_; }

 private:
  void remember(const Survey& survey, const NodeState& state,
                const std::optional<pb::TakeoverIntent>& intent);
  [[nodiscard]] ReturnStep next(const Survey& survey, const NodeState& state,
                                const std::optional<pb::TakeoverIntent>& intent,
                                const ClusterSwitches& switches) const;
  void give_back(const GivebackOptions& options);
  void on_given(const GivebackOptions& options, std::uint32_t life,
                const Result<GivebackReport>& report);
  void forget(std::uint64_t decided_on);
  void tell_once(std::string event, const std::vector<Veto>& reasons);

  const Config& config_;
  Surveyor& surveyor_;
  EventSink events_;
  ReturnHands hands_;
  Loop& loop_;
  std::function<void()> changed_;
  std::shared_ptr<AgentNotes> notes_;
  bool busy_ = false;
  std::optional<pb::MailboxSlot> newest_;  // of the partner
  Standing standing_ = Standing::kUnseen;
  SteadyPartner partner_;
  bool told_in_vain_ = false;  // a partner that cannot speak did not take what was promised
};

}  // namespace lastword
