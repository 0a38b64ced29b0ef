#include "agent/daemon/failure_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <thread>

#include "agent/protocol/takeover_input.h"
#include "proto/coredump.h"

namespace lastword {
namespace {

using Clock = std::chrono::steady_clock;

// Disks come, go, and are armed anew, so all of them are looked at every few seconds; in a thread
// of its own, since a sick disk can hold a survey up.
class BackgroundSurvey {
 public:
  explicit BackgroundSurvey(const Config& config) : config_(config) {}

  // A survey that has finished since the last call.
  std::optional<Result<Survey>> poll() {
    if (!running_ && Clock::now() >= next_) start();
    if (!running_) return std::nullopt;
    std::optional<Result<Survey>> survey;
    {
      const std::lock_guard lock(running_->mutex);
      survey = std::exchange(running_->survey, std::nullopt);
    }
    if (survey) {
      running_.reset();
      next_ = Clock::now() + kInterval;
    }
    return survey;
  }

 private:
  static constexpr milliseconds kInterval{5000};
  struct Shared {
    std::mutex mutex;
    std::optional<Result<Survey>> survey;
  };

  void start() {
    running_ = std::make_shared<Shared>();
    std::thread([shared = running_, config = config_] {
      auto survey = survey_disks(config);
      const std::lock_guard lock(shared->mutex);
      shared->survey = std::move(survey);
    }).detach();
  }

  const Config& config_;
  std::shared_ptr<Shared> running_;
  Clock::time_point next_ = Clock::now();
};

}  // namespace

void renew(SurveyedDisk& disk, const SeenHeader& seen) {
  if (!seen.header) {
    disk.problem = seen.header.error();
    return;
  }
  disk.problem.reset();
  if (seen.sequence < disk.header_sequence) return;  // the newer slot was not read whole
  disk.header = *seen.header;
  disk.header_sequence = seen.sequence;
}

void remember_headers(Survey& fresh, const Survey& known) {
  for (SurveyedDisk& disk : fresh.disks) {
    for (const SurveyedDisk& before : known.disks) {
      if (disk.header_sequence < before.header_sequence && disk.info.path == before.info.path &&
          disk.label && before.label && disk.label->disk_uuid() == before.label->disk_uuid()) {
        disk.header = before.header;
        disk.header_sequence = before.header_sequence;
      }
    }
  }
}

bool has_panicked(const SurveyedDisk& disk, const Config& config, std::uint32_t latest) {
  return in_cluster(disk, config) && disk.label->owner_node() == config.partner.id &&
         is_current(disk.header, *disk.label) && disk.header.boot_generation() >= latest &&
         tells_of_panic(disk.header);
}

bool was_interrupted(const std::vector<SurveyedDisk>& disks, const Config& config,
                     ReservationKey own) {
  const auto mine = [&](const SurveyedDisk& disk) {
    return holder_node(disk, config) == config.self.id;
  };
  const auto unfinished = [&](const SurveyedDisk& disk) {
    return !mine(disk) || disk.reservation->holder != own ||
           disk.label->owner_node() != config.self.id || tells_of_panic(disk.header);
  };
  return std::any_of(disks.begin(), disks.end(), mine) &&
         std::any_of(disks.begin(), disks.end(), unfinished);
}

Result<Failure> wait_for_failure(const Config& config, ReservationKey own,
                                 const EventSink& events) {
  BackgroundSurvey background(config);
  Survey survey;
  std::vector<std::size_t> watched;
  std::unique_ptr<HeaderWatch> watch;
  for (;; std::this_thread::sleep_for(kPollInterval)) {
    if (auto fresh = background.poll()) {
      if (!*fresh) return fail(fresh->error());
      remember_headers(**fresh, survey);
      survey = std::move(**fresh);
      if (was_interrupted(partner_disks(survey, config), config, own)) {
        return Failure{.survey = survey};
      }
      watched = dump_places(survey, config);
      if (!watch) {
        events({.name = "watching",
                .disk = {},
                .detail = fmt::format("{} disks of {} that may hold its dump", watched.size(),
                                      config.partner.name)});
      }
      watch = std::make_unique<HeaderWatch>(survey.disks, config.timing.settings.io_timeout);
    }
    if (!watch) continue;
    // All of them before anything is concluded: what the survey says of the others may be seconds
    // old. One armed since then is not to be taken for a free spare, one that the dump has turned
    // to not for an old dump.
    for (const SeenHeader& seen : watch->poll(watched)) renew(survey.disks[seen.disk], seen);
    const std::uint32_t latest = latest_generation(survey, config, config.partner.id);
    const auto panicked = std::ranges::find_if(watched, [&](std::size_t index) {
      return has_panicked(survey.disks[index], config, latest);
    });
    if (panicked == watched.end()) continue;
    const SurveyedDisk& disk = survey.disks[*panicked];
    events({.name = "partner-panicked",
            .disk = disk.info.path,
            .detail = fmt::format("{}, boot generation {}", config.partner.name,
                                  disk.header.boot_generation()),
            .disk_uuid = disk.label->disk_uuid()});
    return Failure{.survey = survey, .generation = disk.header.boot_generation()};
  }
}

}  // namespace lastword
