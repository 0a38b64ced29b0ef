// Keeps the copies of this node's takeover intent in order, while nothing is taken: one that is
// over is closed, and a slot that missed a write gets it (agent/disks/intent_log.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "agent/base/executor.h"
#include "agent/disks/intent_log.h"
#include "agent/disks/survey.h"
#include "agent/node/event.h"

namespace lastword {

class IntentUpkeep {
 public:
  // All that is referred to outlives this, and this outlives the loop's last run.
  IntentUpkeep(const Config& config, Surveyor& surveyor, const EventSink& events, Loop& loop)
      : config_(config), surveyor_(surveyor), events_(events), loop_(loop) {}

  // Tells once of each copy that could not be read (event intent-not-kept).
  void tell(const std::vector<Error>& problems);
  // Closes this intent (called_off() in takeover_intent.h; event takeover-ended). False: nothing
  // was written, because a takeover of this node is under way, which has its own verdict, or
  // because a newer one has been written. Takes an I/O time-out at most.
  bool close(const Survey& survey, const NodeState& state, const pb::TakeoverIntent& intent,
             const std::string& why);
  // Of each survey, before it is judged: an intent that close() could not close is tried again, and
  // counts as ended meanwhile. It would be found open, and called off, at each survey.
  void close_again(const Survey& survey, const NodeState& state,
                   std::optional<pb::TakeoverIntent>& intent);
  // Brings the slots of a life that goes on up to date: one that an earlier write did not reach may
  // still tell the partner of a takeover that is over.
  void repair(const Survey& survey, const NodeState& state,
              const std::optional<pb::TakeoverIntent>& newest);

 private:
  [[nodiscard]] IntentLog intents(const NodeState& state) const {
    return {config_, state, surveyor_.shelf(), surveyor_.executor()};
  }
  void tell(const CopiesWritten& written);

  const Config& config_;
  Surveyor& surveyor_;
  const EventSink& events_;
  Loop& loop_;
  bool repairing_ = false;
  struct Open {
    std::uint64_t number;
    std::string why;
  };
  std::optional<Open> to_close_;
  std::map<std::string, std::string> last_problems_;  // with slot, intent or file
};

}  // namespace lastword
