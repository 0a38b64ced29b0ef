#include "agent/daemon/shelf_watch.h"

#include <algorithm>
#include <utility>

#include "agent/node/state_files.h"

namespace lastword {
namespace {

// Disks come, go, and are armed anew.
constexpr milliseconds kSurveyInterval{5000};

std::optional<pb::OpenRequest> open_request(const Config& config) {
  const auto open = load_request(config);
  return open ? std::optional(*open) : std::nullopt;
}

}  // namespace

void ShelfWatch::turn() {
  if (!surveying_ && !waiting_ && surveyor_.executor().now() >= next_survey_) survey();
  if (headers_ && !reading_) read_again();
}

void ShelfWatch::survey_within(milliseconds time) {
  next_survey_ = std::min(next_survey_, surveyor_.executor().now() + time);
}

void ShelfWatch::records_changed() {
  ++records_;
  survey_within(kPollInterval);
}

void ShelfWatch::survey() {
  surveying_ = true;
  next_survey_ = Instant::max();
  run_elsewhere<Result<Seen>>(
      surveyor_.executor(), loop_,
      [surveyor = surveyor_, config = &config_, records = records_]() mutable -> Result<Seen> {
        // A disk that the service was told of before the look begins is held when it is read.
        const auto before = load_last_life(*config);
        auto look = surveyor.look();
        if (!look) return fail(look.error());
        auto state = load_last_life(*config);
        if (state) state->served = before ? before->served : std::vector<std::string>();
        KnownIntent intent = read_intent(*config, look->survey);
        KnownSwitches switches = read_switches(*config, look->survey);
        return Seen{.look = std::move(*look),
                    .intent = std::move(intent),
                    .switches = std::move(switches),
                    .request = open_request(*config),
                    .state = std::move(state),
                    .records = records};
      },
      [this](Result<Seen> seen) {
        surveying_ = false;
        // What was changed while it was under way is seen by the next.
        survey_within(kSurveyInterval);
        // A look at headers that is under way names disks by their index in the present survey: a
        // new survey waits for its end.
        if (reading_) {
          waiting_ = std::move(seen);
        } else {
          reports_.on_survey(std::move(seen));
        }
      });
}

void ShelfWatch::read_headers(const Look& look, std::vector<std::size_t> disks) {
  const bool first = !headers_;
  disks_ = std::move(disks);
  headers_ =
      std::make_shared<HeaderWatch>(surveyor_.shelf(), surveyor_.executor(), look.survey.disks,
                                    look.open, config_.timing.settings.io_timeout);
  if (first) read_again();
}

void ShelfWatch::read_again() {
  reading_ = true;
  run_elsewhere<std::vector<SeenHeader>>(
      surveyor_.executor(), loop_,
      [headers = headers_, disks = disks_] { return headers->poll(disks); },
      [this](const std::vector<SeenHeader>& seen) {
        reading_ = false;
        reports_.on_headers(seen);
        if (waiting_) reports_.on_survey(*std::exchange(waiting_, std::nullopt));
      });
}

}  // namespace lastword
