// Reads the shelf again and again for the agent: everything every few seconds, the headers of the
// disks that may hold the partner's dump every kPollInterval. Both elsewhere, one look of each kind
// at a time: a sick disk delays no heartbeat.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/base/executor.h"
#include "agent/disks/header_watch.h"
#include "agent/disks/intent_log.h"
#include "agent/disks/known_switches.h"
#include "agent/disks/survey.h"
#include "agent/node/state.pb.h"
#include "agent/protocol/node_state.h"

namespace lastword {

class ShelfWatch {
 public:
  // A survey, and what this node's records said right after it.
  struct Seen {
    Look look;
    KnownIntent intent;
    KnownSwitches switches;
    std::optional<pb::OpenRequest> request;  // to the partner
    Result<NodeState> state;
    std::uint64_t records = 0;  // how often records_changed() had been called when it began
  };
  struct Reports {
    std::function<void(Result<Seen>)> on_survey;
    std::function<void(const std::vector<SeenHeader>&)> on_headers;
  };

  // `config`, `loop` and what `surveyor` refers to outlive this; this outlives the loop's last run.
  ShelfWatch(const Config& config, const Surveyor& surveyor, Loop& loop, Reports reports)
      : config_(config), surveyor_(surveyor), loop_(loop), reports_(std::move(reports)) {}

  // Begins a survey where one is due, and a look at headers where none is under way. Call it every
  // kPollInterval.
  void turn();
  // The next survey is due after this time, or sooner.
  void survey_within(milliseconds time);
  // This node has written its records: the next survey is due soon, and one that is under way tells
  // of the time before.
  void records_changed();
  [[nodiscard]] bool is_up_to_date(const Seen& seen) const { return seen.records == records_; }
  // Reads these headers from now on, as indices of that look: on_headers() tells of them until the
  // next on_survey().
  void read_headers(const Look& look, std::vector<std::size_t> disks);

 private:
  void survey();
  void read_again();

  const Config& config_;
  Surveyor surveyor_;
  Loop& loop_;
  Reports reports_;
  std::uint64_t records_ = 0;
  bool surveying_ = false;
  Instant next_survey_{};
  bool reading_ = false;                 // a look at headers is under way
  std::optional<Result<Seen>> waiting_;  // a survey that came during that look
  std::vector<std::size_t> disks_;
  std::shared_ptr<HeaderWatch> headers_;  // used by one look at a time
};

}  // namespace lastword
