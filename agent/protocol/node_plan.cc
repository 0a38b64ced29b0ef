#include "agent/protocol/node_plan.h"

#include <algorithm>

#include "agent/protocol/takeover_refusals.h"

namespace lastword {
namespace {

using Ballot = NodeMemory::Ballot;

constexpr EnumSet<Phase> kWatches{Phase::kUnseen, Phase::kPaired, Phase::kSuspect};
constexpr EnumSet<Phase> kAnnouncesInPlace{Phase::kStandingBy, Phase::kGivingBack, Phase::kWaiting,
                                           Phase::kReceiving};
// A clean stop of the peer means something to them as the answer to an announcement only.
constexpr EnumSet<Phase> kStopAnswers{Phase::kArbitrating, Phase::kGivingBack, Phase::kWaiting,
                                      Phase::kReceiving};

constexpr NodeRow kOvertaken{.from = {},
                             .events = {},
                             .outcome = RowOutcome::kIgnored,
                             .why = "The announcement or the votes were called off."};

// The events of one state, collected in order.
class Reading {
 public:
  Reading(Phase phase, const NodeFacts& facts, const NodeMemory& memory)
      : phase_(phase), facts_(facts), memory_(memory) {}

  std::vector<NodeEvent> events() {
    if (phase_ == Phase::kLooking) {
      if (facts_.disks) first_look(*facts_.disks);
      return events_;
    }
    if (mode_of(phase_) == NodeMode::kStopped) return {};
    if (facts_.disks) {
      own_disks(*facts_.disks);
      peer_disks(*facts_.disks);
      announcements(*facts_.disks);
    }
    messages();
    silence();
    return events_;
  }

 private:
  void first_look(const DiskFacts& disks) {
    if (disks.peer_owns_ours || disks.promised || disks.announced || disks.announced_earlier) {
      add(NodeEvent::kPeerOwnsDisks);
    } else if (facts_.giveback_open) {
      add(NodeEvent::kGivebackOpen);
    } else if (takeover_is_open(facts_)) {
      add(NodeEvent::kOwnIntentOpen);
    } else {
      add(NodeEvent::kOwnDisksFree);
    }
  }

  void own_disks(const DiskFacts& disks) {
    // A node that waits has nothing to lose but a vote that it is casting.
    if (disks.service_preempted) add(NodeEvent::kServicePreempted);
    if (disks.preempted && (phase_ != Phase::kWaiting || announced())) add(NodeEvent::kPreempted);
    if (phase_ == Phase::kWaiting) return while_waiting(disks);
    if (disks.peer_life_holds_ours && is_later(disks.peer_generation))
      add(NodeEvent::kPeerTakesToo);
    if (disks.peer_owns_ours && !is(Phase::kReceiving)) add(NodeEvent::kPeerOwnsDisks);
    const bool takes_late = kWatches.has(phase_) || mode_of(phase_) == NodeMode::kTakeover;
    if (disks.promised && takes_late) add(NodeEvent::kDisksPromised);
    if (is(Phase::kReceiving) && !disks.promised && both_wait()) add(NodeEvent::kBothWait);
    if (disks.reservations_lost) add(NodeEvent::kReservationsLost);
  }

  void while_waiting(const DiskFacts& disks) {
    // A peer that announced and fell silent could still act, but on keys of the earlier life only:
    // it would be found to have a disk then.
    const bool may_still_begin =
        disks.announced || (disks.announced_earlier && facts_.voice.silence != Silence::kWhole);
    const bool says_it_has_some = is_present(facts_.word) && facts_.word.has_our_disks;
    if (disks.promised) {
      add(NodeEvent::kDisksPromised);
    } else if (!disks.peer_owns_ours && !may_still_begin && !says_it_has_some) {
      add(NodeEvent::kOwnDisksFree);
    } else if (both_wait()) {
      add(NodeEvent::kBothWait);
    }
    if (disks.reservations_lost) add(NodeEvent::kReservationsLost);
  }

  void peer_disks(const DiskFacts& disks) {
    // A message of a later life may come before a survey shows it.
    const bool over = facts_.word.generation > disks.peer_generation;
    if (disks.peer_panicked && !over && refusals_on_panic(facts_).empty()) {
      add(NodeEvent::kPeerPanicked);
    }
    if (is_present(facts_.word) && facts_.word.phase == Phase::kHandedOver &&
        !facts_.nothing_left_to_take) {
      add(NodeEvent::kPeerReleased);
    }
    if (disks.peer_in_service && !disks.has_peer_disk &&
        (is(Phase::kGivingBack) ? says_normal() : is_later(disks.peer_generation))) {
      add(NodeEvent::kPeerHasItsDisks);
    }
    if (intent_is_open() && peer_waits() &&
        facts_.word.generation > facts_.intent->victim_generation() + 1) {
      add(NodeEvent::kPeerWaits);
    }
    if (!intent_is_open() && !disks.has_peer_disk) add(NodeEvent::kNothingBegun);
    if (facts_.giveback_open) {
      add(NodeEvent::kGivebackOpen);
    } else if (is(Phase::kResuming)) {
      const bool proven = facts_.intent && facts_.intent->proven();
      if (takeover_is_open(facts_) && (disks.has_peer_disk || proven || facts_.intent_ordered)) {
        add(NodeEvent::kMayResume);
      }
    } else if (kWatches.has(phase_)) {
      if (takeover_is_open(facts_)) {
        add(NodeEvent::kOwnIntentOpen);
      } else if (disks.has_peer_disk) {
        add(NodeEvent::kGivebackOpen);
      } else if (intent_is_open()) {
        add(NodeEvent::kIntentOutlived);
      }
    }
  }

  void announcements(const DiskFacts& disks) {
    if (disks.announced && !memory_.told_of_peer_announcement) add(NodeEvent::kTakeoverAnnounced);
    if (!disks.announced && memory_.told_of_peer_announcement) add(NodeEvent::kAnnouncementGone);
    if (voting()) return;
    const bool waits_for_answer = out() || (is(Phase::kResuming) && !disks.has_peer_disk);
    // A message of a later life may come before a survey shows it.
    const std::uint32_t latest = std::max(disks.peer_generation, facts_.word.generation);
    if (waits_for_answer && ((heard() && !says_stopped()) || is_later(latest))) {
      add(NodeEvent::kPeerLives);
    }
  }

  void messages() {
    if (says_stopped()) {
      if (kStopAnswers.has(phase_) ? out() : !voting()) add(NodeEvent::kPeerStopped);
      return;
    }
    // A peer that was heard while this node was in another state, and fell silent since, was seen.
    const bool expected = facts_.voice.expected;
    if (is(Phase::kUnseen) ? facts_.voice.seen && !expected : heard()) add(NodeEvent::kPeerHeard);
    if (facts_.asked_to_leave && heard()) add(NodeEvent::kAskedToLeave);
    const bool stands_by_too = heard() && facts_.word.phase == Phase::kStandingBy;
    const bool asked_another_life =
        facts_.asked_life != 0 && facts_.word.generation > facts_.asked_life;
    if (is(Phase::kStandingBy) &&
        (asked_another_life || (stands_by_too && is_present(facts_.word)))) {
      add(NodeEvent::kGracefulCancelled);
    }
  }

  void silence() {
    if (facts_.voice.silence == Silence::kNone || is(Phase::kUnseen)) return;
    if (facts_.voice.silence == Silence::kHalf) return add(NodeEvent::kPeerHalfSilent);
    if (!facts_.disks) return;
    const bool possible = facts_.against_silence ? facts_.against_silence->empty()
                                                 : refusals_on_silence(phase_, facts_).empty();
    if (possible && !announced()) add(NodeEvent::kPeerSilent);
    const bool unannounced = is(Phase::kPaired) || is(Phase::kLeaving);
    if (!possible && (out() || unannounced)) add(NodeEvent::kPeerSilentHeld);
  }

  void add(NodeEvent event) { events_.push_back(event); }
  [[nodiscard]] bool is(Phase phase) const { return phase_ == phase; }
  [[nodiscard]] bool announced() const { return memory_.ballot != Ballot::kNone; }
  // An announcement is out, of this daemon or of one that ended since.
  [[nodiscard]] bool out() const {
    return memory_.ballot == Ballot::kAnnounced ||
           (memory_.ballot == Ballot::kNone && kAnnouncesInPlace.has(phase_) && facts_.intent &&
            facts_.intent->phase() == pb::TakeoverIntent::TAKING);
  }
  [[nodiscard]] bool voting() const { return memory_.ballot == Ballot::kVoting; }
  [[nodiscard]] bool heard() const {
    return facts_.voice.seen && !facts_.voice.expected && facts_.voice.silence == Silence::kNone;
  }
  // The word is of the peer's present life, not of one that has ended since.
  [[nodiscard]] bool is_present(const PeerWord& word) const {
    return word.generation != 0 &&
           (!facts_.disks || word.generation >= facts_.disks->peer_generation);
  }
  [[nodiscard]] bool says_stopped() const {
    return is_present(facts_.word) && facts_.word.phase == Phase::kClean;
  }
  [[nodiscard]] bool peer_waits() const {
    return heard() && is_present(facts_.word) && facts_.word.phase == Phase::kWaiting;
  }
  [[nodiscard]] bool both_wait() const {
    return facts_.gives_first && heard() && is_present(facts_.word) &&
           (facts_.word.phase == Phase::kWaiting || facts_.word.phase == Phase::kReceiving);
  }
  // Two that give back to each other need not wait for each other.
  [[nodiscard]] bool says_normal() const {
    return is_present(facts_.word) && (mode_of(facts_.word.phase) == NodeMode::kNormal ||
                                       facts_.word.phase == Phase::kGivingBack);
  }
  [[nodiscard]] bool intent_is_open() const {
    return facts_.intent && (facts_.intent->phase() == pb::TakeoverIntent::TAKING ||
                             facts_.intent->phase() == pb::TakeoverIntent::TAKEN);
  }
  // Than the one that this node's intent is against.
  [[nodiscard]] bool is_later(std::uint32_t life) const {
    return facts_.intent && life > facts_.intent->victim_generation();
  }

  Phase phase_;
  const NodeFacts& facts_;
  const NodeMemory& memory_;
  std::vector<NodeEvent> events_;
};

void remember(NodeAction action, NodeMemory& memory) {
  switch (action) {
    case NodeAction::kAnnounceTakeover:
      memory.ballot = Ballot::kAnnounced;
      break;
    case NodeAction::kCastVotes:
      memory.ballot = Ballot::kVoting;
      break;
    case NodeAction::kCallOff:
    case NodeAction::kCloseIntent:
    case NodeAction::kTakePeerDisks:
    case NodeAction::kTakeBothSets:
      memory.ballot = Ballot::kNone;
      break;
    default:
      break;
  }
}

}  // namespace

std::vector<NodeEvent> events_of(Phase phase, const NodeFacts& facts, const NodeMemory& memory) {
  return Reading(phase, facts, memory).events();
}

NodePlan::NodePlan(Phase start, bool told) : phase_(start) {
  memory_.told_of_peer_announcement = told;
  // The votes of the daemon that ended are cast again after another announcement's time.
  if (start == Phase::kArbitrating) memory_.ballot = Ballot::kAnnounced;
}

bool NodePlan::overtaken(NodeEvent event) const {
  switch (event) {
    case NodeEvent::kAnnouncementOver:
      return memory_.ballot != Ballot::kAnnounced;
    case NodeEvent::kMajorityWon:
    case NodeEvent::kTooFewVotes:
      return memory_.ballot != Ballot::kVoting;
    default:
      return false;
  }
}

NodePlan::Step NodePlan::happened(NodeEvent event) {
  const NodeRow& row = overtaken(event) ? kOvertaken : node_row(phase_, event);
  const Step step{event, phase_, row.outcome == RowOutcome::kMoves ? row.to : phase_, &row};
  phase_ = step.after;
  for (const NodeAction action : row.actions.get()) remember(action, memory_);
  if (event == NodeEvent::kTakeoverAnnounced) memory_.told_of_peer_announcement = true;
  if (event == NodeEvent::kAnnouncementGone) memory_.told_of_peer_announcement = false;
  // A node that resumes has nothing to call off: its intent stays, and so it announces again.
  const bool over = event == NodeEvent::kTooFewVotes || !goes_on(NodeAction::kCastVotes, phase_);
  if (over) memory_.ballot = Ballot::kNone;
  return step;
}

NodePlan::Steps NodePlan::observe(const NodeFacts& facts) {
  Steps steps;
  std::vector<NodeEvent> fed;
  for (;;) {
    const auto events = events_of(phase_, facts, memory_);
    const auto next = std::ranges::find_if(
        events, [&](NodeEvent event) { return std::ranges::count(fed, event) == 0; });
    if (next == events.end()) return steps;
    fed.push_back(*next);
    const Ballot before = memory_.ballot;
    const Step step = happened(*next);
    if (step.row->outcome == RowOutcome::kIgnored) continue;
    steps.push_back(step);
    const bool acts = step.before != step.after && !step.row->actions.get().empty();
    if (acts || memory_.ballot != before) return steps;
  }
}

}  // namespace lastword
