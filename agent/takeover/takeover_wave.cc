#include "agent/takeover/takeover_wave.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/disks/seize_run.h"
#include "agent/protocol/takeover_input.h"
#include "proto/coredump.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

// "ABORTED LIMIT"
std::string describe_dump(const pb::CoredumpHeader& header) {
  if (header.reason() == pb::REASON_NONE) return std::string(name_of(header.attribute()));
  return fmt::format("{} {}", name_of(header.attribute()), name_of(header.reason()));
}

}  // namespace

TakeoverWave::TakeoverWave(const TakeoverWork& work, Loop& loop, AnnounceRun& announcements,
                           std::vector<DiskView> disks, const OpenDisks& open,
                           const FailedLife& failed)
    : work_(work),
      loop_(loop),
      announcements_(announcements),
      disks_(std::move(disks)),
      failed_(failed),
      outcomes_(disks_.size()),
      unreadable_(disks_.size()),
      plan_(work.config.timing, work.config.partner.id,
            as_plan_input(disks_, work.config, failed.latest)),
      watch_(std::make_shared<HeaderWatch>(work.shelf(), work.executor(), disks_, open,
                                           work.config.timing.settings.io_timeout)) {
  for (const DiskView& disk : disks_) {
    if (auto own = open.find(disk.info.path)) open_.keep(std::move(own));
    if (disk.label->role() == pb::SERVICE) {
      announcements_.expect(disk.info.path, disk.label->disk_uuid());
    }
  }
}

void TakeoverWave::begin() {
  perform(plan_.begin(now()));
  tick();
}

// After every report: time has passed, and something else may be due.
void TakeoverWave::step() {
  perform(plan_.tick(now()));
  look_at_headers();
}

void TakeoverWave::tick() {
  step();
  if (!over()) loop_.after(kPollInterval, [this] { tick(); });
}

// Elsewhere: a disk that hangs, as it may while the capture kernel resets adapters, must not keep
// the loop from announcing the others. One look at a time.
void TakeoverWave::look_at_headers() {
  auto watched = plan_.watched();
  if (looking_ || watched.empty() || now() < next_look_) return;
  looking_ = true;
  next_look_ = now() + kPollInterval;
  run_elsewhere<std::vector<SeenHeader>>(
      work_.executor(), loop_,
      [watch = watch_, watched = std::move(watched)] { return watch->poll(watched); },
      [this, asked = now()](const std::vector<SeenHeader>& seen) {
        looking_ = false;
        for (const SeenHeader& one : seen) on_header(one, asked);
        step();
      });
}

void TakeoverWave::on_header(const SeenHeader& seen, Instant asked) {
  if (!seen.header) return;  // the plan waits for it until the deadline
  DiskView& disk = disks_[seen.disk];
  const bool was_dumping = disk.header.attribute() == pb::IN_PROGRESS;
  update_header(disk, seen);
  if (!was_dumping && disk.header.attribute() == pb::IN_PROGRESS) {
    emit("dump-seen", seen.disk, fmt::format("crash {}", seen.header->crash_id()));
  }
  perform(plan_.header_seen(seen.disk, *seen.header, seen.sequence, now(), asked));
}

void TakeoverWave::on_taken(std::size_t index, const TakenDisk& taken) {
  DiskView& disk = disks_[index];
  const bool held_dump = holds_unsaved_dump(taken.header);
  for (const ReservationKey key : taken.foreign_removed) {
    emit("foreign-registrant-removed", index,
         fmt::format("{}, a key of neither node; find out whose it is", to_string(key)));
  }
  if (taken.cache_changes == CacheChanges::kWritten) {
    emit(
        "changes-written", index,
        "this node had changed it in its page cache while it was the partner's, and the target let "
        "it be written, because nobody held the disk or this node was registered there: it is "
        "among what the partner wrote. Check what is on the disk; find out what wrote there");
  }
  if (taken.cache_changes == CacheChanges::kRefused) {
    emit("changes-refused", index,
         "this node had changed it in its page cache while it was the partner's; the target "
         "refused to write that, and it is dropped: find out what wrote there");
  }
  if (!taken.status) {
    // What the survey knew of it is not to be trusted any more: a new try opens it anew.
    open_.drop(disk.info.path);
    disk.reservations_known = false;
    emit_news("disk-sick", index, describe(taken.status.error()));
    if (is_another_nodes(taken.status.error().code)) announcements_.lost(disk.info.path);
    outcomes_[index] = describe(taken.status.error());
  } else {
    if (taken.used_reset) {
      emit("no-preempt-and-abort", index,
           "a LOGICAL UNIT RESET stood in for the abort: the target lacks PREEMPT AND ABORT, or "
           "a run before this one was interrupted");
    }
    if (taken.aptpl_refused) emit("no-aptpl", index, std::string(kAptplRefused));
    disk.header = taken.header;
    unreadable_[index] = false;
    emit(held_dump ? "dump-disk-claimed" : "disk-taken", index,
         held_dump ? describe_dump(disk.header) : std::string(name_of(disk.label->role())));
  }
  perform(plan_.disk_taken(index, taken.status, taken.header, now()));
  step();
}

void TakeoverWave::on_recovered(std::size_t index, const Result<std::string>& core) {
  if (core) {
    emit("dump-saved", index, *core);
  } else {
    emit("dump-unsaved", index, describe(core.error()));
    outcomes_[index] = describe(core.error());
  }
  perform(plan_.disk_recovered(index, core.has_value(), now()));
  step();
}

void TakeoverWave::perform(const TakeoverPlan::Actions& actions) {
  for (const TakeoverAction& action : actions) {
    switch (action.kind) {
      case TakeoverAction::Kind::kTake:
        take(action);
        break;
      case TakeoverAction::Kind::kRecover:
        recover(action.disk);
        break;
      case TakeoverAction::Kind::kRecoveryHangs:
        give_up_recovery(action.disk);
        break;
      case TakeoverAction::Kind::kLeftToLaterLife:
        leave_to_later_life(action.disk);
        break;
      case TakeoverAction::Kind::kServiceTaken:
        announce(action);
        break;
    }
  }
}

void TakeoverWave::take(const TakeoverAction& action) {
  const std::size_t index = action.disk;
  const DiskView& disk = disks_[index];
  TakeOrder order =
      take_order(disk, work_.config, work_.state.key, action.abort_reason, failed_.panicked);
  order.goal.served = announcements_.was_told_of(order.disk_uuid);
  // This node's service may write as soon as it is registered: who holds the disk is read just
  // before that.
  if (order.goal.served) order.seen.reset();
  // A disk that was read late may tell of a life that began since; the intent does not name it.
  order.goal.victim_generation =
      std::min(order.goal.victim_generation.value_or(failed_.latest), failed_.latest);
  if (failed_.without_right && *order.goal.victim_generation == failed_.latest) {
    order.goal.victim_generation = std::max(failed_.latest, 1U) - 1;
  }
  using PlanEvent = TakeoverPlan::Actions (TakeoverPlan::*)(std::size_t);
  const auto reporting = [this, index, post = loop_.poster()](PlanEvent event) {
    return [this, index, post, event] {
      post([this, index, event] {
        perform((plan_.*event)(index));
        step();
      });
    };
  };
  const auto on_held = [this, index, post = loop_.poster(),
                        report = reporting(&TakeoverPlan::disk_held)](const Status& fresh) {
    post([this, index, fresh] {
      announcements_.set_stale(disks_[index].info.path, !fresh);
      if (!fresh) emit("stale-cache", index, describe(fresh.error()));
    });
    report();
  };
  const auto on_unreadable = [this, index, post = loop_.poster(),
                              report =
                                  reporting(&TakeoverPlan::disk_not_now)](const Error& problem) {
    post([this, index, problem] { tell_unreadable(index, problem); });
    report();
  };
  const TakeProgress progress{.on_held = on_held,
                              .on_unreadable = on_unreadable,
                              .on_giving_up = reporting(&TakeoverPlan::disk_not_now)};
  ++taking_;
  run_elsewhere<TakenDisk>(
      work_.executor(), loop_,
      [order, progress, open = open_.find(disk.info.path), shelf = &work_.shelf(),
       executor = &work_.executor()] {
        return take_disk(*shelf, *executor, order, open, progress);
      },
      [this, index](const TakenDisk& taken) {
        --taking_;
        on_taken(index, taken);
      });
  if (!may_hold_dump(disk.label->role())) return;
  emit_news("take-started", index,
            fmt::format("{}; its header read {} of sequence {}; key {}", action.why,
                        name_of(disk.header.attribute()), disk.header_sequence,
                        to_string(work_.state.key)));
}

void TakeoverWave::tell_unreadable(std::size_t index, const Error& problem) {
  announcements_.unreadable(disks_[index].info.path);
  if (unreadable_[index]) return;
  unreadable_[index] = true;
  emit("disk-unreadable", index,
       fmt::format("{}: it is reserved by this node, and the service is not told that it has it; "
                   "tried again until the deadline. Look at the disk and its cabling, then "
                   "`lastword takeover`",
                   describe(problem)));
}

void TakeoverWave::recover(std::size_t index) {
  const auto on_progress = [this, index, post = loop_.poster()] {
    post([this, index] { plan_.recovery_progress(index, now()); });
  };
  run_elsewhere<Result<std::string>>(
      work_.executor(), loop_,
      [recover = work_.recover, disk = disks_[index], on_progress] {
        return recover(disk, on_progress);
      },
      [this, index](const Result<std::string>& core) { on_recovered(index, core); });
}

void TakeoverWave::give_up_recovery(std::size_t index) {
  const std::string& path = disks_[index].info.path;
  const Error hangs{
      .code = Code::kTimeout,
      .operation = "recover",
      .disk = path,
      .detail = fmt::format("no progress for {} s: the disk hangs, or the file system of {}; mend "
                            "it, then `lastword recover {}`",
                            work_.config.timing.recovery_stall().count() / 1000,
                            work_.config.partner.core_directory, path)};
  outcomes_[index] = describe(hangs);
  emit("dump-unsaved", index, outcomes_[index]);
}

void TakeoverWave::leave_to_later_life(std::size_t index) {
  const Error back{
      .code = Code::kConflict,
      .operation = "take disk",
      .disk = disks_[index].info.path,
      .detail = fmt::format("a life of {} after life {}, which this takeover is against, has used "
                            "it: {} has come back, and keeps the disk; if it has failed again, "
                            "`lastword takeover`",
                            work_.config.partner.name, failed_.latest, work_.config.partner.name)};
  outcomes_[index] = describe(back);
  emit_news("disk-left", index, outcomes_[index]);
}

void TakeoverWave::announce(const TakeoverAction& action) {
  std::vector<std::string> paths;
  for (const std::size_t index : action.service) paths.push_back(disks_[index].info.path);
  announcements_.held(paths);
}

// A disk that is tried again and again until the deadline fails for the same reason each time.
void TakeoverWave::emit_news(const std::string& name, std::size_t disk, const std::string& detail) {
  if (std::exchange(told_[{disk, name}], detail) == detail) return;
  emit(name, disk, detail);
}

void TakeoverWave::emit(std::string name, std::size_t disk, std::string detail) const {
  work_.events({.name = std::move(name),
                .disk = disks_[disk].info.path,
                .detail = std::move(detail),
                .disk_uuid = disks_[disk].label->disk_uuid()});
}

TakeoverReport TakeoverWave::report() const {
  const auto given_up = plan_.given_up();
  const auto unsaved = plan_.unsaved();
  TakeoverReport report{
      .disks = {}, .obstacles = {}, .complete = given_up.empty() && unsaved.empty()};
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    const auto has = [i](const auto& list) {
      return std::find(list.begin(), list.end(), i) != list.end();
    };
    std::string outcome = "taken";
    if (has(given_up)) outcome = unreadable_[i] ? "reserved, not readable" : "given up";
    if (has(unsaved)) outcome = "taken, dump not saved";
    report.disks.push_back({.path = disks_[i].info.path,
                            .uuid = disks_[i].label->disk_uuid(),
                            .role = disks_[i].label->role(),
                            .outcome = outcome,
                            .detail = outcome == "taken" ? "" : outcomes_[i]});
  }
  return report;
}

}  // namespace lastword
