// What the agent gives back without a command, and why not. Pure; the driver is
// agent/daemon/return_run.h, the giveback itself agent/service/giveback_run.h.
//
//   - A giveback that was begun, and neither finished nor called off, is gone on with: whoever
//     began it, and whatever ended its program. Its service may run nowhere.
//   - With [giveback] automatic, a partner that waits for a stable time gets its disks. Each of
//     these counts in the intent, before it begins. At a limit they end, and an operator gives
//     back: otherwise a node that panics under its own service would get it for ever. A takeover
//     counts for nothing, and is never limited.
//   - Of two nodes that wait for each other, one begins (gives_first()).
//
// All times are of this node's clock that never jumps. What it was before this agent began is not
// known, and counts from the beginning.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/protocol/giveback_plan.h"
#include "agent/protocol/peer_watch.h"
#include "agent/protocol/switches.h"
#include "agent/protocol/takeover_intent.h"

namespace lastword {

// Of two nodes that wait for each other, neither of which serves: this one gives back what it has
// of the partner's, whether [giveback] automatic wants it or not. The partner has all of its own
// then, and this node's.
[[nodiscard]] inline bool gives_first(const Config& config) {
  return config.self.id > config.partner.id;
}

// A home node that serves for so long has recovered: givebacks count from the beginning.
[[nodiscard]] constexpr milliseconds service_that_counts(const AutomaticGiveback& rule) {
  return std::min(60 * rule.stable, kLongestTime);
}

// For how long the partner has gone on with one thing, heard all the time, in one life.
class SteadyPartner {
 public:
  enum class Does : std::uint8_t { kOther, kWaits, kServes };

  // More often than a heartbeat is due. `newest`: of its slots.
  void observe(const std::optional<pb::MailboxSlot>& newest, Standing standing, Instant now);

  [[nodiscard]] Does does() const { return does_; }
  [[nodiscard]] std::uint32_t life() const { return life_; }
  [[nodiscard]] Instant since() const { return since_; }

 private:
  Does does_ = Does::kOther;
  std::uint32_t life_ = 0;
  Instant since_{};
};

enum class NextReturn : std::uint8_t {
  kNothing,
  kResume,          // go on with the giveback that the intent tells of
  kWait,            // until ReturnStep::at at least, if the partner goes on waiting
  kHeldBack,        // by `reasons`, which may end without an order
  kBegin,           // a giveback of its own
  kLeftToOperator,  // by `reasons`
  kForget,          // the intent is to say that none was automatic
};
struct ReturnStep {
  NextReturn next = NextReturn::kNothing;
  Instant at{};
  std::vector<Veto> reasons = {};
};

// What this agent remembers of its own.
struct ReturnMemory {
  std::optional<Instant> resuming_since;  // it has known so long of a giveback to go on with
  // A giveback was called off when the partner had some disks, and this node was rebooted since:
  // the service of those that stayed does not run.
  bool rebooted = false;
  std::uint32_t called_off_life = 0;  // its automatic giveback to this life was called off
};

// Operators are at work on the cluster, and have switched off (DISABLE) what nodes do by
// themselves.
[[nodiscard]] Refusals refusals_of_giveback(const ClusterSwitches& known, std::int64_t now_unix_ms);

// `state`: of a life of this node that goes on. `intent`: the newest of this node's.
[[nodiscard]] ReturnStep next_return(const Survey& survey, const Config& config,
                                     const NodeState& state,
                                     const std::optional<pb::TakeoverIntent>& intent,
                                     const PartnerWord& word, const SteadyPartner& partner,
                                     const Refusals& refusals, const ReturnMemory& memory,
                                     Instant now);

// An operator has to give back: so many givebacks in a row were automatic. Absent: it is not so, or
// nothing is to go back.
[[nodiscard]] std::optional<Veto> against_another(const Config& config,
                                                  const std::optional<pb::TakeoverIntent>& intent);

}  // namespace lastword
