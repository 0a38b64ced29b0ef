// Why a failure of the partner is not acted on, and tells of it, once for each reason.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/disks/known_switches.h"
#include "agent/disks/survey.h"
#include "agent/node/event.h"
#include "agent/protocol/node_state.h"
#include "agent/protocol/switches.h"

namespace lastword {

class Hindrances {
 public:
  // Both outlive this.
  Hindrances(const Config& config, const EventSink& events) : config_(config), events_(events) {}

  // What operators have forbidden, proven panic included (event takeover-held-back). `failed`: what
  // the partner has done or is: "has panicked".
  Refusals on_any(const ClusterSwitches& known, std::int64_t unix_ms, std::string_view failed);
  // Of silence alone (event silence-not-acted-on): against_acting_on_silence().
  Refusals on_silence(const Survey& survey, const NodeState& state, const pb::MailboxSlot& last,
                      const std::optional<pb::TakeoverIntent>& intent);
  // Switches that could not be read (event switches-not-read), and a state file that is gone (event
  // state-lost): `why`.
  void tell_of(const KnownSwitches& seen);
  void tell_of_lost_state(const std::string& why);
  // Both nodes wait for their disks (event both-wait): whose they are is for a person to say.
  void tell_of_both_waiting();

 private:
  const Config& config_;
  const EventSink& events_;
  std::string told_of_hold_;
  std::string told_of_silence_;
  std::string told_of_switches_;
  bool told_of_lost_state_ = false;
  bool told_of_both_waiting_ = false;
};

}  // namespace lastword
