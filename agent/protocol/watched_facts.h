// What the agent has seen, as facts for node_plan.h: a survey, the partner's newest word, how long
// it has been silent. Pure; the driver is agent/daemon/failure_watch.h.
//
// The records of a node say more than its plan remembers, since commands write them too: each
// command of an operator does its own work. phase_of_records() is where a plan begins,
// event_of_records() what a command, or an earlier agent, has done since.
#pragma once

#include <optional>

#include "agent/protocol/node_facts.h"
#include "agent/protocol/peer_watch.h"
#include "agent/protocol/switches.h"

namespace lastword {

// A slot's word for this phase, and back. Absent: no agent of that life has said.
[[nodiscard]] pb::NodePhase slot_phase(Phase phase);
[[nodiscard]] std::optional<Phase> phase_of_slot(pb::NodePhase phase);

// In which phase an agent begins in this life: what is durable decides. `intent`: this node's.
[[nodiscard]] Phase phase_of_records(const Survey& survey, const Config& config,
                                     const NodeState& state,
                                     const std::optional<pb::TakeoverIntent>& intent);

// The records have left this phase behind. Absent: they agree with it. `disks`: of watched_disks().
[[nodiscard]] std::optional<NodeEvent> event_of_records(
    Phase phase, const NodeState& state, const std::optional<pb::TakeoverIntent>& intent,
    const DiskFacts& disks);

// An operator's request that the partner leaves.
enum class Countdown : std::uint8_t {
  kNone,  // nothing is asked, or it was cancelled, or it is over and does not force
  kRuns,
  kForces,     // it is over, and the operator wants force then
  kForgotten,  // likewise, but no agent was there then, for longer than a restart takes
};
// What it means to a node in this phase. `votes`: they are being cast. Absent: nothing new.
[[nodiscard]] std::optional<NodeEvent> event_of_countdown(Phase phase, bool votes,
                                                          Countdown countdown);

// What a survey says. `may_be_coming`: of next_while_waiting(). The panic of the partner is not
// looked for: headers are read more often than surveys are made.
[[nodiscard]] DiskFacts watched_disks(const Survey& survey, const Config& config,
                                      const NodeState& state,
                                      const std::optional<pb::TakeoverIntent>& intent,
                                      bool may_be_coming);

// `newest`: of the partner's slots that were heard; absent: none.
[[nodiscard]] PeerVoice peer_voice(Standing standing);
[[nodiscard]] PeerWord peer_word(const std::optional<pb::MailboxSlot>& newest);

}  // namespace lastword
