#include "agent/daemon/failure_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/disks/header_watch.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/takeover_input.h"

namespace lastword {
namespace {

// Disks come, go, and are armed anew.
constexpr milliseconds kSurveyInterval{5000};

class FailureWatch {
 public:
  FailureWatch(const Config& config, ReservationKey own, Surveyor& surveyor,
               const EventSink& events)
      : config_(config),
        own_(own),
        surveyor_(surveyor),
        events_(events),
        loop_(surveyor.executor().make_loop()) {}

  Result<Failure> run() {
    survey();
    loop_->run_until([this] { return end_.has_value(); });
    return std::move(*end_);
  }

 private:
  // Elsewhere, since a sick disk can hold a survey up.
  void survey() {
    run_elsewhere<Result<Look>>(
        surveyor_.executor(), *loop_, [surveyor = surveyor_]() mutable { return surveyor.look(); },
        [this](Result<Look> look) {
          // What a look at headers finds belongs to the survey that it began with.
          if (looking_) {
            waiting_ = std::move(look);
          } else {
            on_survey(std::move(look));
          }
          loop_->after(kSurveyInterval, [this] { survey(); });
        });
  }

  void on_survey(Result<Look> fresh) {
    if (!fresh) {
      end_ = fail(fresh.error());
      return;
    }
    keep_newer_headers(fresh->survey, look_.survey);
    look_ = std::move(*fresh);
    if (was_interrupted(partner_disks(look_.survey, config_), config_, own_)) {
      end_ = Failure{.look = look_};
      return;
    }
    watched_ = dump_places(look_.survey, config_);
    watch_ =
        std::make_shared<HeaderWatch>(surveyor_.shelf(), surveyor_.executor(), look_.survey.disks,
                                      look_.open, config_.timing.settings.io_timeout);
    if (std::exchange(watching_, true)) return;
    events_({.name = "watching",
             .disk = {},
             .detail = fmt::format("{} disks of {} that may hold its dump", watched_.size(),
                                   config_.partner.name)});
    look_at_headers();
  }

  void look_at_headers() {
    looking_ = true;
    run_elsewhere<std::vector<SeenHeader>>(
        surveyor_.executor(), *loop_,
        [watch = watch_, watched = watched_] { return watch->poll(watched); },
        [this](const std::vector<SeenHeader>& seen) {
          looking_ = false;
          on_headers(seen);
          if (waiting_ && !end_) on_survey(*std::exchange(waiting_, std::nullopt));
          loop_->after(kPollInterval, [this] { look_at_headers(); });
        });
  }

  // All of them before anything is concluded: what the survey says of the others may be seconds
  // old. One armed since then is not to be taken for a free spare, one that the dump has turned
  // to not for an old dump.
  void on_headers(const std::vector<SeenHeader>& seen) {
    for (const SeenHeader& one : seen) {
      update_header(look_.survey.disks[one.disk], one);
      tell_if_unreadable(look_.survey.disks[one.disk]);
    }
    const std::uint32_t latest = latest_generation(look_.survey, config_, config_.partner.id);
    const auto panicked = std::ranges::find_if(watched_, [&](std::size_t index) {
      return has_panicked(look_.survey.disks[index], config_, latest);
    });
    if (panicked == watched_.end()) return;
    const DiskView& disk = look_.survey.disks[*panicked];
    events_({.name = "partner-panicked",
             .disk = disk.info.path,
             .detail = fmt::format("{}, boot generation {}", config_.partner.name,
                                   disk.header.boot_generation()),
             .disk_uuid = disk.label->disk_uuid()});
    end_ = Failure{.look = look_, .generation = disk.header.boot_generation()};
  }

  // It proves no panic, and could hide one: an operator is to know, once for each change.
  void tell_if_unreadable(const DiskView& disk) {
    const bool by_content = disk.problem && (disk.problem->code == Code::kCorrupt ||
                                             disk.problem->code == Code::kFutureVersion);
    if (!by_content) {
      told_.erase(disk.info.path);
      return;
    }
    std::string problem = describe(*disk.problem);
    if (std::exchange(told_[disk.info.path], problem) == problem) return;
    events_({.name = "header-unreadable",
             .disk = disk.info.path,
             .detail = std::move(problem),
             .disk_uuid = disk.label ? disk.label->disk_uuid() : std::string()});
  }

  const Config& config_;
  ReservationKey own_;
  Surveyor& surveyor_;
  const EventSink& events_;
  Look look_;
  bool looking_ = false;                 // at headers
  std::optional<Result<Look>> waiting_;  // a survey that came meanwhile
  bool watching_ = false;
  std::vector<std::size_t> watched_;
  std::map<std::string, std::string> told_;  // by path: what was said of its header
  std::shared_ptr<HeaderWatch> watch_;       // used by one look at a time
  std::optional<Result<Failure>> end_;
  std::unique_ptr<Loop> loop_;
};

}  // namespace

Result<Failure> wait_for_failure(const Config& config, ReservationKey own, Surveyor& surveyor,
                                 const EventSink& events) {
  return FailureWatch(config, own, surveyor, events).run();
}

}  // namespace lastword
