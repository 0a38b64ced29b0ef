#include "agent/protocol/watched_facts.h"

#include <algorithm>

#include "agent/protocol/failure_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/start_plan.h"
#include "agent/protocol/waiting_plan.h"

namespace lastword {
namespace {

IntentPhase phase_of(const std::optional<pb::TakeoverIntent>& intent) {
  return intent ? intent->phase() : pb::TakeoverIntent::NONE;
}

// It says so in the slot of its newest intent.
bool announces_against(const Survey& survey, const Config& config, std::uint32_t life) {
  const auto slot = newest_of_partner(survey, config);
  return slot && slot->intent().phase() == pb::TakeoverIntent::ANNOUNCED &&
         slot->intent().victim_node() == config.self.id &&
         slot->intent().victim_generation() >= life;
}

// Only a takeover of this life, whose votes were won, gives a disk of the partner's to a node that
// waits. Nobody but this node would go on with it.
bool takes_both_sets(const Survey& survey, const Config& config, const NodeState& state,
                     const std::optional<pb::TakeoverIntent>& intent) {
  return phase_of(intent) == pb::TakeoverIntent::TAKING &&
         intent->victim_node() == config.partner.id &&
         intent->number() >= first_number_of(state.boot_generation) &&
         std::ranges::any_of(survey.disks, [&](const DiskView& disk) {
           return in_cluster(disk, config) && disk.label->home_node() == config.partner.id &&
                  disk.label->owner_node() == config.self.id &&
                  disk.label->owner_generation() == state.boot_generation;
         });
}

}  // namespace

pb::NodePhase slot_phase(Phase phase) {
  // A slot has one more in front: unknown.
  return static_cast<pb::NodePhase>(static_cast<int>(phase) + 1);
}

std::optional<Phase> phase_of_slot(pb::NodePhase phase) {
  const auto number = static_cast<std::size_t>(phase);
  if (number == 0 || number > kPhases.size()) return std::nullopt;
  return kPhases.at(number - 1).phase;
}

Phase phase_of_records(const Survey& survey, const Config& config, const NodeState& state,
                       const std::optional<pb::TakeoverIntent>& intent) {
  if (state.stopped) return Phase::kClean;
  if (state.handed_over) return Phase::kHandedOver;
  if (state.waiting && takes_both_sets(survey, config, state, intent)) return Phase::kTaking;
  if (state.waiting) {
    return has_received(survey, config, state) ? Phase::kReceiving : Phase::kWaiting;
  }
  switch (phase_of(intent)) {
    case pb::TakeoverIntent::TAKING:
      return Phase::kResuming;
    case pb::TakeoverIntent::TAKEN:
      return Phase::kServing;
    case pb::TakeoverIntent::RETURNING:
      return Phase::kGivingBack;
    default:
      return Phase::kUnseen;
  }
}

std::optional<NodeEvent> event_of_records(Phase phase, const NodeState& state,
                                          const std::optional<pb::TakeoverIntent>& intent,
                                          const DiskFacts& disks) {
  const IntentVerdict verdict = disks.verdict;
  if (mode_of(phase) == NodeMode::kStopped) return std::nullopt;
  if (state.stopped) return NodeEvent::kStopOrdered;
  if (state.handed_over) {
    return phase == Phase::kLeaving ? NodeEvent::kServiceEnded : NodeEvent::kAskedToLeave;
  }
  // A command, or a watch before this one, has taken the node into service.
  if (!state.waiting && phase == Phase::kWaiting) return NodeEvent::kOwnDisksFree;
  if (!state.waiting && phase == Phase::kReceiving) return NodeEvent::kAllReceived;
  const bool over = verdict == IntentVerdict::kEnded || verdict == IntentVerdict::kCalledOff;
  const bool in_takeover = mode_of(phase) == NodeMode::kTakeover && phase != Phase::kArbitrating;
  if (over) {
    return in_takeover || phase == Phase::kResuming ? NodeEvent::kPeerHasItsDisks
                                                    : NodeEvent::kIntentOutlived;
  }
  const IntentPhase open = phase_of(intent);
  const bool done = open == pb::TakeoverIntent::TAKEN && verdict == IntentVerdict::kNothing;
  // A disk of this node's that the peer has is part of it, whatever the record says.
  if (phase == Phase::kTaking && done && !disks.peer_owns_ours) return NodeEvent::kTakeoverDone;
  if (phase == Phase::kServing && verdict == IntentVerdict::kResume) {
    return NodeEvent::kTakeoverUndone;
  }
  if (phase == Phase::kGivingBack) {
    if (open == pb::TakeoverIntent::TAKING || open == pb::TakeoverIntent::TAKEN) {
      return NodeEvent::kGivebackCalledOff;
    }
    if (open != pb::TakeoverIntent::RETURNING) return NodeEvent::kPeerHasItsDisks;
  }
  return std::nullopt;
}

std::optional<NodeEvent> event_of_countdown(Phase phase, bool votes, Countdown countdown) {
  const bool runs = countdown == Countdown::kRuns || countdown == Countdown::kForces;
  if (phase == Phase::kPaired && runs) return NodeEvent::kGracefulAgreed;
  if (phase != Phase::kStandingBy || votes || countdown == Countdown::kRuns) return std::nullopt;
  return countdown == Countdown::kForces ? NodeEvent::kCountdownOver
                                         : NodeEvent::kGracefulCancelled;
}

DiskFacts watched_disks(const Survey& survey, const Config& config, const NodeState& state,
                        const std::optional<pb::TakeoverIntent>& intent, bool may_be_coming) {
  DiskFacts facts = disk_facts(survey, config, state, intent);
  facts.peer_panicked = false;
  facts.preempted = !check_not_fenced(survey, config, state);
  facts.service_preempted = !check_served(survey, config, state);
  facts.announced |= announces_against(survey, config, state.boot_generation);
  // A disk that was labelled over while this node held it belongs to no takeover.
  facts.has_peer_disk &=
      phase_of(intent) != pb::TakeoverIntent::NONE && phase_of(intent) != pb::TakeoverIntent::ENDED;
  // A giveback is over when its record is, which whoever gives back ends: event_of_records().
  facts.peer_in_service &= phase_of(intent) != pb::TakeoverIntent::RETURNING;
  facts.peer_owns_ours = false;
  facts.peer_life_holds_ours = false;
  if (!state.waiting) {
    facts.announced_earlier = false;  // this life has its disks
    return facts;
  }
  const WaitingStep step = next_while_waiting(survey, config, state, may_be_coming);
  facts.promised = step.next == NextWhileWaiting::kReceive;
  facts.peer_owns_ours = step.next == NextWhileWaiting::kWait;
  facts.announced_earlier &= facts.peer_owns_ours;
  return facts;
}

PeerVoice peer_voice(Standing standing) {
  switch (standing) {
    case Standing::kUnseen:
      return {};
    case Standing::kExpected:
      return {.seen = true, .expected = true, .silence = Silence::kNone};
    case Standing::kHeard:
      return {.seen = true, .silence = Silence::kNone};
    // Its silence means nothing, and its word may be old.
    case Standing::kAway:
    case Standing::kLate:
      return {.seen = true, .silence = Silence::kHalf};
    case Standing::kSilent:
      return {.seen = true, .silence = Silence::kWhole};
  }
  return {};
}

PeerWord peer_word(const std::optional<pb::MailboxSlot>& newest) {
  if (!newest) return {};
  const bool gone = newest->presence() == pb::GONE;
  return {.generation = newest->generation(),
          .phase = gone ? Phase::kClean : phase_of_slot(newest->phase()).value_or(Phase::kLooking),
          .version = newest->protocol(),
          .mailbox_set = newest->mailbox_set(),
          .switches = plain(newest->switches()),
          .has_our_disks = false};
}

}  // namespace lastword
