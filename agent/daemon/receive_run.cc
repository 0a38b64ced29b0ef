#include "agent/daemon/receive_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "agent/disks/disk_work.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/mailbox.h"
#include "proto/coredump.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

constexpr milliseconds kJoinInterval{10'000};

std::vector<std::string> paths_of(const Survey& survey, const std::vector<std::size_t>& disks) {
  std::vector<std::string> paths;
  for (const std::size_t disk : disks) paths.push_back(survey.disks[disk].info.path);
  return paths;
}

}  // namespace

void ReceiveRun::follow(const Survey& survey, const NodeState& state, bool may_be_coming) {
  if (busy_) return;
  if (state.unannounced && !announced_) return announce(survey, state, may_be_coming);
  if (!state.waiting) return;
  WaitingStep step = next_while_waiting(survey, config_, state, may_be_coming);
  switch (step.next) {
    case NextWhileWaiting::kWait:
      tell_unreadable(survey, step.unreadable);
      return join_again(survey, state, may_be_coming);
    case NextWhileWaiting::kReceive:
      return receive(survey, state, std::move(step.promised));
    case NextWhileWaiting::kEnterService:
      return enter_service(state, may_be_coming);
  }
}

void ReceiveRun::receive(const Survey& survey, const NodeState& state,
                         std::vector<std::size_t> disks) {
  // What `start` or `stop` has in hand is looked at after the next survey.
  auto lock = lock_state(config_);
  if (!lock) return;
  const auto now = load_node_state(config_);
  if (!now || !now->waiting || now->key != state.key) return;
  busy_ = true;
  using Results = std::vector<Result<pb::CoredumpHeader>>;
  run_elsewhere<Results>(
      surveyor_.executor(), loop_,
      [survey, disks,
       self = mailbox_member(config_, state.boot_generation, state.mailbox_disks).self,
       giver = config_.partner.id, lock = std::make_shared<FileDescriptor>(std::move(*lock)),
       access = disks_through(config_, surveyor_)] {
        auto results = access.work(survey, disks, [self, giver](const OwnDisk& disk, auto) {
          return take_promised_disk(disk, self, giver);
        });
        // on_received() may arm, which takes the lock, while this closure still exists.
        lock->reset();
        return results;
      },
      [this, survey, disks](const Results& results) { on_received(survey, disks, results); });
}

void ReceiveRun::on_received(const Survey& survey, const std::vector<std::size_t>& disks,
                             const std::vector<Result<pb::CoredumpHeader>>& results) {
  busy_ = false;
  bool may_be_armed = false;
  for (std::size_t i = 0; i < disks.size(); ++i) {
    const DiskView& disk = survey.disks[disks[i]];
    if (!results[i]) {
      tell_once(disk.info.path, describe(results[i].error()));
      continue;
    }
    may_be_armed |= may_hold_dump(disk.label->role());
    events_(
        {.name = "disk-returned",
         .disk = disk.info.path,
         .detail = fmt::format("{}, from {}", name_of(disk.label->role()), config_.partner.name),
         .disk_uuid = disk.label->disk_uuid()});
  }
  if (may_be_armed) arm();
}

void ReceiveRun::arm() {
  busy_ = true;
  run_elsewhere<Status>(surveyor_.executor(), loop_, hands_.arm, [this](const Status& armed) {
    busy_ = false;
    events_({.name = armed ? "armed" : "not-armed",
             .disk = {},
             .detail = armed ? "a crash of this node would be dumped"
                             : describe(armed.error()) + "; `lastword arm`"});
  });
}

void ReceiveRun::join_again(const Survey& survey, const NodeState& state, bool may_be_coming) {
  const Instant now = surveyor_.executor().now();
  if (now < next_join_ || all_joined(survey, config_, state)) return;
  next_join_ = now + kJoinInterval;
  enter_service(state, may_be_coming);  // it waits still: that joins, and nothing else
}

void ReceiveRun::enter_service(const NodeState& state, bool may_be_coming) {
  busy_ = true;
  run_elsewhere<Result<StartReport>>(
      surveyor_.executor(), loop_,
      [config = &config_, access = disks_through(config_, surveyor_), may_be_coming,
       life = state.boot_generation] {
        return start_node(*config, false, access, may_be_coming, life);
      },
      [this](const Result<StartReport>& report) {
        busy_ = false;
        on_started(report);
      });
}

void ReceiveRun::on_started(const Result<StartReport>& report) {
  if (!report) return tell_once({}, describe(report.error()));
  for (const NoteNotKept& note : report->not_kept) {
    const std::string path(note.problem.disk.view());
    if (!notes_told_.insert(path).second) continue;
    events_({.name = "note-not-kept", .disk = path, .detail = describe(note)});
  }
  if (report->outcome != StartOutcome::kStarted) return;
  announced_ = false;
  const bool had_some = std::exchange(takes_missing_, false);
  bool may_be_armed = false;
  for (std::size_t i = 0; i < report->disks.size(); ++i) {
    const DiskView& disk = report->survey.disks[report->disks[i]];
    if (!report->results[i]) {
      tell_once(disk.info.path, describe(report->results[i].error()));
      continue;
    }
    // One that this life had already is armed.
    const bool came = !had_some || holder_node(disk, config_) != config_.self.id;
    may_be_armed |= came && may_hold_dump(disk.label->role());
  }
  for (const DiskRemark& refused : report->plan.refused) {
    tell_once(report->survey.disks[refused.disk].info.path, refused.text);
  }
  // The service first; and a hook that runs `lastword start` is to find the lock free.
  arm_when_announced_ = may_be_armed;
  received_();
}

void ReceiveRun::tell_unreadable(const Survey& survey, const std::vector<std::size_t>& disks) {
  for (const std::size_t index : disks) {
    const DiskView& disk = survey.disks[index];
    tell_once(
        disk.info.path,
        fmt::format("{}; it is a disk of this node's service, and {} may still have it: this "
                    "node goes into service when it can be read, or is not there any more, or by "
                    "[takeover] incomplete_service",
                    disk.problem ? describe(*disk.problem) : "it cannot be read",
                    config_.partner.name));
  }
}

// What this node read of a disk at its boot, the giver has written since: that is dropped as late
// as can be, whoever took the disk, and when.
void ReceiveRun::announce(const Survey& survey, const NodeState& state, bool may_be_coming) {
  const ReturnedService service = returned_service(survey, config_, state);
  if (!service.may_begin(config_)) return hold_back(survey, state, service, may_be_coming);
  announced_ = true;
  std::vector<DiskInfo> infos;
  for (const std::size_t disk : service.held) infos.push_back(survey.disks[disk].info);
  HookInput input{.event = "service-returned"};
  input.disks = input.new_disks = paths_of(survey, service.held);
  input.missing_disks = paths_of(survey, service.missing);
  input.detail = fmt::format("{} disks are this node's again", input.disks.size());
  if (!input.missing_disks.empty()) {
    input.detail += fmt::format(", still without: {}", fmt::join(input.missing_disks, " "));
  }
  events_({.name = input.event, .disk = {}, .detail = input.detail});
  runs_hook_ = true;
  run_elsewhere<Status>(
      surveyor_.executor(), loop_,
      [run_hook = hands_.run_hook, shelf = &surveyor_.shelf(), input, infos, config = &config_,
       key = state.key, run_resume = hands_.resume, events = events_,
       post = loop_.poster()]() mutable -> Status {
        for (const DiskInfo& info : infos) {
          if (!shelf->drop_stale_cache(info)) input.stale_disks.push_back(info.path);
        }
        (void)shelf->wait_for_partitions(input.disks, shelf->count_uevents());
        // A command may be ending that service, now or while the hook waits for its turn.
        input.wanted = [config, key] { return is_unannounced(*config, key); };
        if (!input.wanted()) return {};
        if (const Status resumed = resume_pending(run_resume, input); !resumed) {
          post([events, why = describe(resumed.error())] {
            events({.name = "hook-failed", .disk = {}, .detail = why});
          });
        }
        if (Status run = run_hook(input); !run) return run;
        return set_unannounced(*config, key, false);  // another agent does not run it again
      },
      [this](const Status& status) {
        runs_hook_ = false;
        if (!status) {
          events_({.name = "hook-failed", .disk = {}, .detail = describe(status.error())});
        }
        if (std::exchange(arm_when_announced_, false)) arm();
      });
}

// What is free by now, and can be read, is taken.
void ReceiveRun::hold_back(const Survey& survey, const NodeState& state,
                           const ReturnedService& service, bool may_be_coming) {
  const auto missing = paths_of(survey, service.missing);
  std::string what;
  if (!missing.empty()) {
    what = fmt::format(
        "service-returned waits, {} of {} disks of the service are this node's; without: {}. Mend "
        "them, or take them away; [takeover] incomplete_service announces what is there",
        service.held.size(), service.held.size() + missing.size(), fmt::join(missing, " "));
  }
  if (std::exchange(told_held_back_, what) != what && !what.empty()) {
    events_({.name = "service-held-back", .disk = {}, .detail = what});
  }
  if (std::exchange(arm_when_announced_, false)) return arm();
  const Instant now = surveyor_.executor().now();
  const bool comes = std::ranges::any_of(service.missing, [&](std::size_t disk) {
    const DiskView& view = survey.disks[disk];
    return view.label && !view.problem && !is_with_partner(view, config_);
  });
  if (!comes || now < next_join_) return;
  next_join_ = now + kJoinInterval;
  takes_missing_ = true;
  enter_service(state, may_be_coming);
}

void ReceiveRun::tell_once(std::string disk, std::string problem) {
  if (std::exchange(told_[disk], problem) == problem) return;
  events_({.name = "disk-not-returned", .disk = std::move(disk), .detail = std::move(problem)});
}

}  // namespace lastword
