#include "agent/protocol/node_table.h"

namespace lastword {
namespace {

constexpr EnumSet<Phase> kWatching{Phase::kUnseen, Phase::kPaired, Phase::kSuspect};
constexpr EnumSet<Phase> kServesOwn =
    kWatching | EnumSet<Phase>{Phase::kStandingBy, Phase::kArbitrating, Phase::kTaking,
                               Phase::kServing,    Phase::kGivingBack,  Phase::kResuming};
constexpr EnumSet<Phase> kVotes{Phase::kStandingBy, Phase::kArbitrating, Phase::kGivingBack,
                                Phase::kWaiting,    Phase::kReceiving,   Phase::kResuming};

}  // namespace

bool goes_on(NodeAction action, Phase phase) {
  switch (action) {
    case NodeAction::kTakeOwnDisks:
    case NodeAction::kServeOwn:
      return kServesOwn.has(phase);
    case NodeAction::kRegisterAnew:
    case NodeAction::kTellAnnounced:
    case NodeAction::kTellAnnouncementGone:
      return mode_of(phase) != NodeMode::kStopped;
    case NodeAction::kAnnounceTakeover:
    case NodeAction::kCastVotes:
      return kVotes.has(phase);
    case NodeAction::kTakePeerDisks:
    case NodeAction::kTakeBothSets:
      return phase == Phase::kTaking;
    case NodeAction::kAskToLeave:
      return phase == Phase::kStandingBy;
    case NodeAction::kEndService:
      return phase == Phase::kLeaving;
    case NodeAction::kGiveBack:
      return phase == Phase::kGivingBack || phase == Phase::kWaiting || phase == Phase::kReceiving;
    case NodeAction::kServeBorrowed:
      return phase == Phase::kServing;
    case NodeAction::kReceiveDisks:
      return phase == Phase::kReceiving || kWatching.has(phase) ||
             mode_of(phase) == NodeMode::kTakeover;
    default:
      return true;
  }
}

ActionList resumed_actions(Phase phase) {
  switch (phase) {
    case Phase::kLeaving:
      return {NodeAction::kEndService};
    case Phase::kStandingBy:
      return {NodeAction::kTakeOwnDisks, NodeAction::kServeOwn, NodeAction::kAskToLeave};
    case Phase::kArbitrating:
      return {NodeAction::kAnnounceTakeover, NodeAction::kTakeOwnDisks, NodeAction::kServeOwn};
    case Phase::kTaking:
      return {NodeAction::kReopenIntent, NodeAction::kTakeOwnDisks, NodeAction::kServeOwn,
              NodeAction::kTakePeerDisks};
    case Phase::kGivingBack:
      return {NodeAction::kTakeOwnDisks, NodeAction::kServeOwn, NodeAction::kGiveBack};
    case Phase::kUnseen:
    case Phase::kPaired:
    case Phase::kSuspect:
    case Phase::kServing:
    case Phase::kResuming:
      return {NodeAction::kTakeOwnDisks, NodeAction::kServeOwn};
    case Phase::kClean:
      return {NodeAction::kReleaseDisks};
    case Phase::kHandedOver:
      return {NodeAction::kReleaseDisks, NodeAction::kTellReleased};
    case Phase::kFenced:
      return {NodeAction::kFence};
    case Phase::kWaiting:  // what it had begun to take may not be released yet
      return {NodeAction::kStopService, NodeAction::kReleaseDisks, NodeAction::kTellWaiting};
    case Phase::kReceiving:
      return {NodeAction::kReceiveDisks};
    case Phase::kLooking:
      return {};
  }
  return {};
}

}  // namespace lastword
