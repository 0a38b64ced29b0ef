#include "agent/daemon/leave_run.h"

#include <utility>
#include <vector>

#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "agent/protocol/handover_plan.h"

namespace lastword {
namespace {

// After another command was at work.
constexpr milliseconds kPauseBeforeRetry{1000};

std::vector<std::string> service_here(const Survey& survey, const Config& config,
                                      ReservationKey own) {
  std::vector<std::string> paths;
  for (const std::size_t index : own_disks(survey, config)) {
    const DiskView& disk = survey.disks[index];
    if (disk.label->role() == pb::SERVICE && is_here(disk, config, own)) {
      paths.push_back(disk.info.path);
    }
  }
  return paths;
}

}  // namespace

bool LeaveRun::may_begin() {
  if (busy_ || surveyor_.executor().now() < not_before_) return false;
  if (!std::exchange(loaded_, true)) answer_ = load_answer(config_).value_or(pb::RequestAnswer());
  return true;
}

bool LeaveRun::is_open() const {
  return !answer_.request().id().empty() && !answer_.ended();
}

bool LeaveRun::is_asked(const NodeState& state, const pb::MailboxSlot& asked, Standing partner) {
  if (partner != Standing::kHeard || !asks_to_leave(asked, state) || !may_begin()) return false;
  return answer_.request().id() != asked.request().id() || is_open();
}

void LeaveRun::undo_if_over(const NodeState& state, const pb::MailboxSlot& asked,
                            Standing partner) {
  const bool word_may_be_old =
      partner == Standing::kUnseen || partner == Standing::kExpected || partner == Standing::kLate;
  if (word_may_be_old || !may_begin()) return;
  const bool is_asked = partner == Standing::kHeard && asks_to_leave(asked, state);
  if (!is_asked && is_open()) undo();
}

void LeaveRun::answer(const pb::LeaveRequest& request) {
  // Durable first: a service that was ended for a request is begun again, or left.
  if (!note(request, false)) return ended_(false);
  busy_ = true;
  run_elsewhere<Result<HandoverReport>>(
      surveyor_.executor(), loop_,
      [config = &config_, surveyor = surveyor_, events = events_, hands = hands_,
       id = request.id()]() mutable {
        const HandoverWork work{.config = *config,
                                .surveyor = surveyor,
                                .events = events,
                                .run_hook = hands.run_hook,
                                .disarm = hands.disarm,
                                .arm = hands.arm};
        return hand_over(work, {.request = id});
      },
      [this, request](const Result<HandoverReport>& report) {
        busy_ = false;
        on_answered(request, report);
      });
}

void LeaveRun::on_answered(const pb::LeaveRequest& request, const Result<HandoverReport>& report) {
  if (!report) {
    refused(describe(report.error()));
    not_before_ = surveyor_.executor().now() + kPauseBeforeRetry;
    return ended_(false);
  }
  if (!report->vetoes.empty()) {
    const auto& first = report->vetoes.front();
    refused(first.disk + (first.disk.empty() ? "" : ": ") + first.reason + ": " + first.remedy);
  }
  (void)note(request, true);
  const auto life = load_last_life(config_);
  ended_(life && life->handed_over);
}

// This agent was ended in the middle of an answer, and nobody asks any more.
void LeaveRun::undo() {
  busy_ = true;
  run_elsewhere<Status>(
      surveyor_.executor(), loop_,
      [config = &config_, surveyor = surveyor_, events = events_,
       hands = hands_]() mutable -> Status {
        // An answer that a takeover has overtaken may still wait for its hook, and undoes itself.
        if (const auto lock = lock_state(*config); !lock) return fail(lock.error());
        const auto state = load_node_state(*config);
        if (!state) return {};  // it has left, or was stopped
        const auto look = surveyor.look();
        if (!look) return fail(look.error());
        const HandoverWork work{.config = *config,
                                .surveyor = surveyor,
                                .events = events,
                                .run_hook = hands.run_hook,
                                .disarm = hands.disarm,
                                .arm = hands.arm};
        serve_again(work, service_here(look->survey, *config, state->key), true);
        return {};
      },
      [this](const Status& done) {
        busy_ = false;
        not_before_ = surveyor_.executor().now() + kPauseBeforeRetry;
        if (done) (void)note(answer_.request(), true);
      });
}

bool LeaveRun::note(const pb::LeaveRequest& request, bool ended) {
  pb::RequestAnswer answer;
  *answer.mutable_request() = request;
  answer.set_ended(ended);
  const Status saved = save_answer(config_, answer);
  if (saved) {
    answer_ = std::move(answer);
    return true;
  }
  refused(describe(saved.error()));
  not_before_ = surveyor_.executor().now() + kPauseBeforeRetry;
  // Not done twice by this agent, at least.
  if (ended) answer_ = std::move(answer);
  return false;
}

void LeaveRun::refused(const std::string& why) {
  if (std::exchange(told_, why) == why) return;
  events_({.name = "handover-refused", .disk = {}, .detail = why});
}

}  // namespace lastword
