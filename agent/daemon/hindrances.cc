#include "agent/daemon/hindrances.h"

#include <fmt/format.h>

#include <utility>

#include "agent/protocol/automatic_giveback_plan.h"
#include "agent/protocol/failure_plan.h"

namespace lastword {

Refusals Hindrances::on_any(const ClusterSwitches& known, std::int64_t unix_ms,
                            std::string_view failed) {
  Refusals held = why_held_back(known, unix_ms);
  const std::string why = describe(held);
  if (std::exchange(told_of_hold_, why) != why && !held.empty()) {
    events_({.name = "takeover-held-back",
             .disk = {},
             .detail = fmt::format("{} {}, and is not taken over: {}; an order overrides it: "
                                   "`lastword takeover`",
                                   config_.partner.name, failed, why)});
  }
  return held;
}

Refusals Hindrances::on_silence(const Survey& survey, const NodeState& state,
                                const pb::MailboxSlot& last,
                                const std::optional<pb::TakeoverIntent>& intent) {
  auto against = against_acting_on_silence(survey, config_, state, last, intent);
  if (!against) return {};
  Refusals found{std::move(*against)};
  std::string why = describe(found);
  if (std::exchange(told_of_silence_, why) != why) {
    events_({.name = "silence-not-acted-on", .disk = {}, .detail = std::move(why)});
  }
  return found;
}

void Hindrances::tell_of(const KnownSwitches& seen) {
  if (!seen.problem) return;
  std::string detail = describe(*seen.problem);
  if (std::exchange(told_of_switches_, detail) == detail) return;
  events_({.name = "switches-not-read",
           .disk = std::string(seen.problem->disk.view()),
           .detail = std::move(detail)});
}

void Hindrances::tell_of_lost_state(const std::string& why) {
  if (std::exchange(told_of_lost_state_, true)) return;
  events_({.name = "state-lost",
           .disk = {},
           .detail = why + "; this node's key is on its disks: `lastword start`"});
}

void Hindrances::tell_of_both_waiting() {
  if (std::exchange(told_of_both_waiting_, true)) return;
  events_(
      {.name = "both-wait",
       .disk = {},
       .detail = fmt::format(
           "{0} waits for its disks, as this node does: {1} gives back first what it has of the "
           "other's",
           config_.partner.name, gives_first(config_) ? "this node" : config_.partner.name)});
}

}  // namespace lastword
