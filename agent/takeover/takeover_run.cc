#include "agent/takeover/takeover_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "agent/disks/intent_log.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/takeover_input.h"
#include "agent/protocol/takeover_intent.h"
#include "agent/takeover/announce_run.h"
#include "agent/takeover/arbitration_run.h"
#include "agent/takeover/late_plan.h"
#include "agent/takeover/takeover_wave.h"

namespace lastword {
namespace {

// The first wave beside the late disks of the service; then what else came late.
class TakeoverRun {
 public:
  // `whole`: the service is announced when all of its disks are there.
  // `without_right`: see Arbitrated.
  TakeoverRun(const TakeoverWork& work, const Failure& failure, bool whole, bool without_right)
      : work_(work),
        without_right_(without_right),
        failed_{.latest = life_taken_over(failure.look.survey, failure.generation, work.config),
                .panicked = failure.generation,
                .without_right = without_right},
        late_(work.config, work.state, failure.look.survey),
        give_up_(work.executor().now() + work.config.timing.deadline()),
        loop_(work.executor().make_loop()),
        announcements_(work, *loop_, failed_.latest, whole) {
    add_copies(failure.look.survey, work.config, copies_);
    if (work.guard) {
      const auto takes = [this] {
        return std::ranges::any_of(waves_, [](const auto& wave) { return wave->takes(); });
      };
      guard_ =
          work.guard(*loop_, takes, [this](const std::optional<Error>& fenced) { end_by(fenced); });
    }
    for (const auto& [path, uuid] : late_.expected_service()) announcements_.expect(path, uuid);
    first_ =
        begin_wave(disks_to_take(failure.look.survey, work.config, work.state), failure.look.open);
    wait_for_late_service();
  }

  Result<TakeoverReport> run() {
    bool done = false;
    loop_->run_until([&] { return ends_now() || (done = advance()); });
    if (fenced_) return fail(*fenced_);
    if (!done) return TakeoverReport{.disks = {}, .obstacles = {}, .interrupted = true};
    TakeoverReport report{.disks = {}, .obstacles = {}, .complete = announcements_.all_told()};
    for (const auto& wave : waves_) merge(report, wave->report());
    merge(report, std::move(copies_));
    late_.report_unreadable(report);
    return report;
  }

 private:
  enum class Late : std::uint8_t {
    kWaiting,  // for the next look, or for the wave of what the last one found
    kOver,     // no more looks for disks of the service
    kRest,     // the last look is under way, or its wave
    kDone,
  };

  TakeoverWave* begin_wave(std::vector<DiskView> disks, const OpenDisks& open) {
    waves_.push_back(std::make_unique<TakeoverWave>(work_, *loop_, announcements_, std::move(disks),
                                                    open, failed_));
    waves_.back()->begin();
    return waves_.back().get();
  }

  void end_by(const std::optional<Error>& fenced) {
    fenced_ = fenced;
    stop_by_ = work_.executor().now();
    if (!fenced && !announcements_.over()) *stop_by_ += kPatienceWithHook;
  }
  [[nodiscard]] bool ends_now() const {
    return stop_by_ && (announcements_.over() || work_.executor().now() >= *stop_by_);
  }

  void look_again(void (TakeoverRun::*then)(Result<Look>)) {
    run_elsewhere<Result<Look>>(
        work_.executor(), *loop_, [surveyor = work_.surveyor]() mutable { return surveyor.look(); },
        [this, then](Result<Look> look) { (this->*then)(std::move(look)); });
  }

  void wait_for_late_service() {
    if (!late_.wants_look() || work_.executor().now() >= give_up_) {
      late_state_ = Late::kOver;
      return;
    }
    loop_->after(work_.config.timing.settings.io_timeout,
                 [this] { look_again(&TakeoverRun::on_service_look); });
  }

  [[nodiscard]] std::vector<DiskView> allowed(std::vector<DiskView> disks) const {
    std::erase_if(disks, [&](const DiskView& disk) {
      return without_right_ && holder_node(disk, work_.config) == work_.config.partner.id;
    });
    return disks;
  }

  void on_service_look(Result<Look> look) {
    if (!look) {
      late_state_ = Late::kOver;
      return;
    }
    auto disks = allowed(late_.service_in(look->survey));
    for (const std::string& path : late_.no_part_of_it()) announcements_.forget(path);
    if (disks.empty()) return wait_for_late_service();
    late_wave_ = begin_wave(std::move(disks), look->open);
  }

  void on_rest_look(Result<Look> look) {
    late_state_ = Late::kDone;
    if (!look) return;
    auto disks = allowed(late_.rest_in(look->survey));
    for (const std::string& path : late_.no_part_of_it()) announcements_.forget(path);
    if (!disks.empty()) late_wave_ = begin_wave(std::move(disks), look->open);
  }

  // What follows from the end of a wave. True: the takeover is over.
  bool advance() {
    if (late_wave_ != nullptr) {
      if (!late_wave_->over()) return false;
      late_wave_ = nullptr;
      if (late_state_ == Late::kWaiting) wait_for_late_service();
    }
    if (!first_->over()) return false;
    if (late_state_ == Late::kOver) {
      late_state_ = late_.nothing_is_late() ? Late::kDone : Late::kRest;
      if (late_state_ == Late::kRest) look_again(&TakeoverRun::on_rest_look);
    }
    return late_state_ == Late::kDone && announcements_.over();
  }

  const TakeoverWork& work_;
  bool without_right_;
  FailedLife failed_;
  LatePlan late_;
  Late late_state_ = Late::kWaiting;
  TakeoverReport copies_{.disks = {}, .obstacles = {}, .complete = true};
  Instant give_up_;
  std::unique_ptr<Loop> loop_;
  AnnounceRun announcements_;
  std::vector<std::unique_ptr<TakeoverWave>> waves_;
  TakeoverWave* first_ = nullptr;
  TakeoverWave* late_wave_ = nullptr;  // at work
  std::optional<Error> fenced_;
  std::optional<Instant> stop_by_;
  std::shared_ptr<void> guard_;
};

void tell_of_left_out(const TakeoverWork& work, const Survey& survey) {
  for (const DiskView& disk : unreadable_disks(survey)) {
    work.events({.name = "disk-sick", .disk = disk.info.path, .detail = describe(*disk.problem)});
  }
  for (const DiskView& disk : unheld_copies(survey, work.config)) {
    work.events({.name = "copy-ignored",
                 .disk = disk.info.path,
                 .detail = "another disk has the same label, and neither node holds this one: a "
                           "clone or snapshot, which is left alone",
                 .disk_uuid = disk.label->disk_uuid()});
  }
}

// A takeover that nobody would know again is not begun.
Error not_kept(Error error) {
  error.detail = fmt::format(
      "{}{}no mailbox disk has taken the intent either, so nothing is taken: make {} writable",
      error.detail.view(), error.detail.empty() ? "" : "; ", error.disk.view());
  return error;
}

}  // namespace

Result<TakeoverReport> take_over(const TakeoverWork& work, Failure failure) {
  const Survey& survey = failure.look.survey;
  const auto disks = partner_disks(survey, work.config);
  if (disks.empty()) return fail(no_partner_disks(work.config));
  if (Status held = check_served(survey, work.config, work.state); !held) {
    return fail(held.error());
  }
  work.events(
      {.name = "takeover-started", .disk = {}, .detail = fmt::format("{} disks", disks.size())});
  const IntentLog intents(work.config, work.state, work.shelf(), work.executor());
  const auto before = read_intent(work.config, survey).intent;
  // The life that it was against before may be on no disk any more, and live: its votes stay lost.
  const std::uint32_t victim = std::max(
      life_taken_over(survey, failure.generation, work.config),
      before && before->victim_node() == work.config.partner.id ? before->victim_generation() : 0);
  const bool ordered = failure.ordered || (failure.resumed && before && before->ordered());
  const auto next = [&](const std::optional<pb::TakeoverIntent>& now, IntentPhase phase) {
    pb::TakeoverIntent following = intents.next(now, phase, victim, failure.proven);
    following.set_ordered(ordered);
    return following;
  };
  const auto intent = next(before, pb::TakeoverIntent::TAKING);
  const Status here = intents.write_here(intent);
  if (!here) tell_of(work, here.error());
  const auto end_with = [&](IntentPhase phase) {
    tell_of(work, intents.write(survey, next(intent, phase)));
  };
  auto copies = win_arbitration(work, failure, intents, before, intent);
  if (copies && copies->copies == 0 && !here) copies = fail(not_kept(here.error()));
  if (!copies) {
    const IntentPhase phase = phase_after_no_majority(before, intent, copies.error().code);
    if (phase == pb::TakeoverIntent::ENDED) {
      tell_of(work, intents.write(survey, called_off(before, intent, survey, work.config)));
    } else {
      end_with(phase);
    }
    return fail(copies.error());
  }
  work.on_majority();
  tell_of_left_out(work, survey);
  const bool after_silence =
      failure.silent || (failure.resumed && !failure.cannot_race() && !ordered);
  const bool whole = after_silence && !work.config.incomplete_service;
  auto report = TakeoverRun(work, failure, whole, copies->without_right).run();
  // Otherwise it stays TAKING: what is left is taken another time.
  if (report && report->complete) end_with(pb::TakeoverIntent::TAKEN);
  return report;
}

}  // namespace lastword
