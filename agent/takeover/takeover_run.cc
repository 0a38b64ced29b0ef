#include "agent/takeover/takeover_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <variant>

#include "agent/base/fan_out.h"
#include "agent/daemon/failure_watch.h"
#include "agent/disks/header_watch.h"
#include "agent/disks/partner_disk.h"
#include "agent/node/hooks.h"
#include "agent/protocol/arbitration.h"
#include "agent/protocol/takeover_input.h"
#include "agent/protocol/takeover_plan.h"
#include "agent/takeover/late_disks.h"
#include "proto/coredump.h"

namespace lastword {
namespace {

Instant now() {
  return std::chrono::duration_cast<Instant>(std::chrono::steady_clock::now().time_since_epoch());
}

// What the threads report to the loop. Shared with them, so that a thread left behind in the kernel
// still has somewhere to report to.
struct Reports {
  struct Held {
    std::size_t disk;
  };
  struct Taken {
    std::size_t disk;
    TakenDisk result;
  };
  struct Recovered {
    std::size_t disk;
    Result<std::string> core;
  };
  struct HookEnded {
    Status status;
  };
  struct Looked {
    std::vector<SeenHeader> seen;
    Instant asked;
  };
  using Report = std::variant<Held, Taken, Recovered, HookEnded, Looked>;

  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<Report> queue;

  void post(Report report) {
    const std::lock_guard lock(mutex);
    queue.push_back(std::move(report));
    arrived.notify_one();
  }
  std::deque<Report> collect(milliseconds timeout) {
    std::unique_lock lock(mutex);
    arrived.wait_for(lock, timeout, [this] { return !queue.empty(); });
    return std::exchange(queue, {});
  }
};

class Run {
 public:
  Run(const Config& config, const NodeState& state, const Failure& failure, const EventSink& events,
      const RecoverDump& recover, std::vector<SurveyedDisk> disks, bool late)
      : config_(config),
        own_(state.key),
        failed_generation_(failure.generation),
        events_(events),
        recover_(recover),
        late_(late),
        disks_(std::move(disks)),
        outcomes_(disks_.size()),
        plan_(config.timing, config.partner.id,
              as_plan_input(disks_, config, life_taken_over(failure, config))),
        watch_(std::make_shared<HeaderWatch>(disks_, config.timing.settings.io_timeout)) {}

  TakeoverReport run() {
    perform(plan_.begin(now()));
    while (!plan_.over() || hook_running_) {
      for (auto& report : reports_->collect(kPollInterval)) {
        std::visit([this](auto& what) { handle(what); }, report);
      }
      perform(plan_.tick(now()));
      look_at_headers();
    }
    return report();
  }

 private:
  // In a thread of its own: a disk that hangs, as it may while the capture kernel resets adapters,
  // must not keep the loop from announcing the others. One look at a time.
  void look_at_headers() {
    auto watched = plan_.watched();
    if (looking_ || watched.empty() || now() < next_look_) return;
    looking_ = true;
    next_look_ = now() + kPollInterval;
    std::thread([reports = reports_, watch = watch_, watched = std::move(watched), asked = now()] {
      reports->post(Reports::Looked{watch->poll(watched), asked});
    }).detach();
  }

  void emit(std::string name, std::size_t disk, std::string detail = {}) {
    events_({.name = std::move(name),
             .disk = disks_[disk].info.path,
             .detail = std::move(detail),
             .disk_uuid = disks_[disk].label->disk_uuid()});
  }

  void handle(const SeenHeader& seen, Instant asked) {
    if (!seen.header) return;  // the plan waits for it until the deadline
    const bool was_dumping = disks_[seen.disk].header.attribute() == pb::IN_PROGRESS;
    renew(disks_[seen.disk], seen);
    if (!was_dumping && disks_[seen.disk].header.attribute() == pb::IN_PROGRESS) {
      emit("dump-seen", seen.disk, fmt::format("crash {}", seen.header->crash_id()));
    }
    perform(plan_.header_seen(seen.disk, *seen.header, seen.sequence, now(), asked));
  }

  void handle(const Reports::Looked& looked) {
    looking_ = false;
    for (const SeenHeader& seen : looked.seen) handle(seen, looked.asked);
  }

  void handle(const Reports::Held& held) { perform(plan_.disk_held(held.disk)); }

  void handle(const Reports::Taken& taken) {
    SurveyedDisk& disk = disks_[taken.disk];
    const bool held_dump = holds_unsaved_dump(taken.result.header);
    if (!taken.result.status) {
      // What the survey knew of it is not to be trusted any more: a new try opens it anew.
      disk.open.reset();
      disk.keys.clear();
      emit("disk-sick", taken.disk, describe(taken.result.status.error()));
      outcomes_[taken.disk] = describe(taken.result.status.error());
    } else {
      if (taken.result.used_reset) {
        emit("no-preempt-and-abort", taken.disk,
             "a LOGICAL UNIT RESET stood in for the abort: the target lacks PREEMPT AND ABORT, or "
             "a run before this one was interrupted");
      }
      disk.header = taken.result.header;
      emit(held_dump ? "dump-disk-claimed" : "disk-taken", taken.disk,
           held_dump ? pb::Attribute_Name(disk.header.attribute()) +
                           (disk.header.reason() == pb::REASON_NONE
                                ? ""
                                : " " + pb::Reason_Name(disk.header.reason()))
                     : pb::Role_Name(disk.label->role()));
    }
    perform(plan_.disk_taken(taken.disk, taken.result.status, taken.result.header, now()));
  }

  void handle(const Reports::Recovered& recovered) {
    if (recovered.core) {
      emit("dump-saved", recovered.disk, *recovered.core);
    } else {
      emit("dump-unsaved", recovered.disk, describe(recovered.core.error()));
      outcomes_[recovered.disk] = describe(recovered.core.error());
    }
    perform(plan_.disk_recovered(recovered.disk, recovered.core.has_value(), now()));
  }

  void handle(const Reports::HookEnded& hook) {
    hook_running_ = false;
    hook_failed_ = !hook.status;
    if (!hook.status) {
      events_({.name = "hook-failed", .disk = {}, .detail = describe(hook.status.error())});
    }
  }

  void perform(const TakeoverPlan::Actions& actions) {
    for (const TakeoverAction& action : actions) {
      switch (action.kind) {
        case TakeoverAction::Kind::kTake:
          take(action);
          break;
        case TakeoverAction::Kind::kRecover:
          recover(action.disk);
          break;
        case TakeoverAction::Kind::kServiceTaken:
          announce_service();
          break;
      }
    }
  }

  void take(const TakeoverAction& action) {
    const TakeOrder order =
        take_order(disks_[action.disk], config_, own_, action.abort_reason, failed_generation_);
    std::thread([reports = reports_, order, index = action.disk] {
      const auto on_held = [&] { reports->post(Reports::Held{index}); };
      reports->post(Reports::Taken{index, take_disk(order, on_held)});
    }).detach();
    const SurveyedDisk& disk = disks_[action.disk];
    if (!may_hold_dump(disk.label->role())) return;
    emit("take-started", action.disk,
         fmt::format("{}; its header read {} of sequence {}; key {}", action.why,
                     pb::Attribute_Name(disk.header.attribute()), disk.header_sequence,
                     to_string(own_)));
  }

  void recover(std::size_t index) {
    std::thread([reports = reports_, recover = recover_, disk = disks_[index], index] {
      reports->post(Reports::Recovered{index, recover(disk)});
    }).detach();
  }

  void announce_service() {
    std::size_t service = 0;
    std::string missing;
    for (std::size_t i = 0; i < disks_.size(); ++i) {
      if (disks_[i].label->role() != pb::SERVICE) continue;
      ++service;
      if (!outcomes_[i].empty()) missing += " " + disks_[i].info.path;
    }
    if (service == 0 && late_) return;
    const std::string detail = missing.empty()
                                   ? fmt::format("{} disks", service)
                                   : fmt::format("{} disks, still without:{}", service, missing);
    events_({.name = "service-taken", .disk = {}, .detail = detail});
    // In a thread of its own: restarting a service may take longer than the dump.
    hook_running_ = true;
    std::thread([reports = reports_, hook = config_.hooks.service_taken, detail] {
      reports->post(Reports::HookEnded{run_hook(hook, "service-taken", detail)});
    }).detach();
  }

  TakeoverReport report() {
    const auto given_up = plan_.given_up();
    const auto unsaved = plan_.unsaved();
    TakeoverReport report{.disks = {},
                          .obstacles = {},
                          .complete = given_up.empty() && unsaved.empty() && !hook_failed_};
    for (std::size_t i = 0; i < disks_.size(); ++i) {
      const auto has = [i](const auto& list) {
        return std::find(list.begin(), list.end(), i) != list.end();
      };
      std::string outcome = "taken";
      if (has(given_up)) outcome = "given up";
      if (has(unsaved)) outcome = "taken, dump not saved";
      report.disks.push_back({.path = disks_[i].info.path,
                              .uuid = disks_[i].label->disk_uuid(),
                              .role = disks_[i].label->role(),
                              .outcome = outcome,
                              .detail = outcome == "taken" ? "" : outcomes_[i]});
    }
    return report;
  }

  const Config& config_;
  ReservationKey own_;
  std::optional<std::uint32_t> failed_generation_;
  const EventSink& events_;
  const RecoverDump& recover_;
  const bool late_;  // disks that came when the others were taken
  std::vector<SurveyedDisk> disks_;
  std::vector<std::string> outcomes_;  // the last error of each disk
  TakeoverPlan plan_;
  std::shared_ptr<HeaderWatch> watch_;  // used by one look at a time
  bool looking_ = false;
  Instant next_look_{};
  bool hook_running_ = false;
  bool hook_failed_ = false;
  std::shared_ptr<Reports> reports_ = std::make_shared<Reports>();
};

// One vote, on a thread of its own: a disk that does not answer is no vote, and holds nothing up.
Vote vote_on(const SurveyedDisk& mailbox, const SeizeGoal& goal, milliseconds io_timeout) {
  const auto vote = std::make_shared<Vote>(Vote::kUnknown);
  if (!mailbox.open || !mailbox.open->lun) return Vote::kUnknown;
  const auto done = fan_out(1, 2 * io_timeout, [vote, mailbox, goal](std::size_t) {
    *vote = cast_vote(*mailbox.open->lun, goal);
  });
  return done.front() ? *vote : Vote::kUnknown;
}

// On the mailbox disks that `lastword start` saw, in the order of their UUIDs: the same on both
// nodes.
Tally arbitrate_for_real(const Config& config, const NodeState& state, const Failure& failure) {
  const SeizeGoal goal{
      .own = state.key, .victim_node = config.partner.id, .victim_generation = failure.generation};
  const auto count = static_cast<unsigned>(state.mailbox_disks.size());
  return arbitrate(count, [&](unsigned index) {
    const SurveyedDisk* disk = find_mailbox(failure.survey, config, state.mailbox_disks[index]);
    if (disk == nullptr) return Vote::kUnknown;
    return vote_on(*disk, goal, config.timing.settings.io_timeout);
  });
}

}  // namespace

Result<TakeoverReport> take_over(const Config& config, const NodeState& state,
                                 const Failure& failure, const EventSink& events,
                                 const RecoverDump& recover) {
  auto disks = partner_disks(failure.survey, config);
  if (disks.empty()) return fail(no_partner_disks(config));
  events({.name = "takeover-started", .disk = {}, .detail = fmt::format("{} disks", disks.size())});
  const Tally tally = arbitrate_for_real(config, state, failure);
  if (!tally.majority()) return fail(no_majority(tally));
  for (const SurveyedDisk& disk : unreadable_disks(failure.survey)) {
    events({.name = "disk-sick", .disk = disk.info.path, .detail = describe(*disk.problem)});
  }
  const auto take = [&](std::vector<SurveyedDisk> some, bool are_late) {
    return Run(config, state, failure, events, recover, std::move(some), are_late).run();
  };
  const auto wait = [&, give_up = now() + config.timing.deadline()] {
    if (now() >= give_up) return false;
    std::this_thread::sleep_for(config.timing.settings.io_timeout);
    return true;
  };
  LateDisks late(config, failure.survey,
                 {.look = [&] { return survey_disks(config); },
                  .take = [&](auto some) { return take(std::move(some), true); },
                  .wait = wait});
  auto service = std::async(std::launch::async, [&late] { late.take_service(); });
  TakeoverReport report = take(std::move(disks), false);
  service.get();
  add(late.take_rest(), report);
  return report;
}

}  // namespace lastword
