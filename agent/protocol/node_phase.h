// The words of the node machine: the states that a node is in, what may happen to it, what it does.
// node_table.h says what follows from what. Pure.
//
// An event is a fact, and true without conditions: what decides between two events is next_event()
// in node_plan.h, or the driver that carried out an action. So the table has no guards.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace lastword {

// What the partner and an operator are told first. One mode, several phases.
enum class NodeMode : std::uint8_t { kNormal, kTakeover, kStopped, kRebooting };

enum class Phase : std::uint8_t {
  // NORMAL
  kUnseen,
  kPaired,
  kSuspect,
  kLeaving,
  kStandingBy,
  // TAKEOVER
  kArbitrating,
  kTaking,
  kServing,
  kGivingBack,
  // STOPPED
  kClean,
  kHandedOver,
  kFenced,
  // REBOOTING
  kLooking,
  kWaiting,
  kReceiving,
  kResuming,
};

struct PhaseText {
  Phase phase;
  NodeMode mode;
  std::string_view name;
  std::string_view meaning;  // one sentence, for people
};
inline constexpr std::array<PhaseText, 16> kPhases{{
    {Phase::kUnseen, NodeMode::kNormal, "unseen",
     "Serves its own disks; the partner's present life was not heard since this node booted, so "
     "its silence means nothing."},
    {Phase::kPaired, NodeMode::kNormal, "paired", "Serves its own disks; the partner is heard."},
    {Phase::kSuspect, NodeMode::kNormal, "suspect",
     "Serves its own disks; the partner is silent for half of the silence time, or for all of it "
     "while a takeover on silence is not possible."},
    {Phase::kLeaving, NodeMode::kNormal, "leaving",
     "Ends its service in good order, so that the partner takes its disks."},
    {Phase::kStandingBy, NodeMode::kNormal, "standing-by",
     "Serves its own disks and counts down while the partner leaves."},
    {Phase::kArbitrating, NodeMode::kTakeover, "arbitrating",
     "Serves its own disks and has announced a takeover; takes nothing before it has won the "
     "votes."},
    {Phase::kTaking, NodeMode::kTakeover, "taking",
     "Takes the partner's disks; some disk is left to take, or some dump to recover."},
    {Phase::kServing, NodeMode::kTakeover, "serving", "Serves all of the partner's disks too."},
    {Phase::kGivingBack, NodeMode::kTakeover, "giving-back",
     "Returns the partner's disks, until the partner serves them."},
    {Phase::kClean, NodeMode::kStopped, "clean",
     "Stopped by an operator; holds nothing, and is not taken over because of its silence."},
    {Phase::kHandedOver, NodeMode::kStopped, "handed-over",
     "Has left its disks to the partner, and does not come back by itself."},
    {Phase::kFenced, NodeMode::kStopped, "fenced",
     "Has lost its disks to the partner while it lived; what it has in its caches is stale."},
    {Phase::kLooking, NodeMode::kRebooting, "looking",
     "Reads all disks, before it touches even its own."},
    {Phase::kWaiting, NodeMode::kRebooting, "waiting",
     "Touches no disk of its own, because the partner has them or has announced to take them; "
     "waits for giveback."},
    {Phase::kReceiving, NodeMode::kRebooting, "receiving",
     "Takes the disks that the partner has promised to this life."},
    {Phase::kResuming, NodeMode::kRebooting, "resuming",
     "Serves its own disks; its takeover of the time before the reboot is still open."},
}};

enum class NodeEvent : std::uint8_t {
  // What the disks say.
  kOwnDisksFree,
  kPeerOwnsDisks,
  kPeerTakesToo,
  kOwnIntentOpen,
  kIntentOutlived,
  kGivebackOpen,
  kMayResume,
  kNothingBegun,
  kPeerPanicked,
  kPeerHasItsDisks,
  kPeerWaits,
  kPreempted,
  kServicePreempted,
  kReservationsLost,
  kTakeoverAnnounced,
  kAnnouncementGone,
  kDisksPromised,
  kBothWait,
  // What messages, or their absence, say.
  kPeerHeard,
  kPeerHalfSilent,
  kPeerSilent,
  kPeerSilentHeld,
  kPeerLives,
  kPeerStopped,
  kPeerReleased,
  kAskedToLeave,
  // What came of this node's actions.
  kAnnouncementOver,
  kMajorityWon,
  kTooFewVotes,
  kTakeoverDone,
  kTakeoverUndone,
  kServiceEnded,
  kCountdownOver,
  kGivebackCalledOff,
  kAllReceived,
  // What an operator, or a rule that acts for one, wants and nothing forbids.
  kTakeoverOrdered,
  kGracefulAgreed,
  kGracefulCancelled,
  kGivebackAgreed,
  kStopOrdered,
  kStartOrdered,
};

struct NodeEventText {
  NodeEvent event;
  std::string_view name;
  std::string_view meaning;  // one sentence, for people
};
inline constexpr std::array<NodeEventText, 41> kNodeEvents{{
    {NodeEvent::kOwnDisksFree, "own-disks-free",
     "No disk of this node is the peer's, and no takeover from this node is announced by a peer "
     "that "
     "may still begin it."},
    {NodeEvent::kPeerOwnsDisks, "peer-owns-disks",
     "The peer owns or holds disks of this node that this life never had, or, of a node that has "
     "touched none yet, has announced to take them."},
    {NodeEvent::kPeerTakesToo, "peer-takes-too",
     "A life of the peer that is later than the one this node takes over from holds disks of this "
     "node: it takes over too."},
    {NodeEvent::kOwnIntentOpen, "own-intent-open",
     "This node's takeover intent is open: a takeover was interrupted, or this node rebooted since "
     "it was done."},
    {NodeEvent::kIntentOutlived, "intent-outlived",
     "This node's intent is open, but nothing is left of its takeover: no disk of the peer is "
     "here, "
     "and the victim lives again, or has its disks."},
    {NodeEvent::kGivebackOpen, "giveback-open",
     "This node has disks of the peer that are to go back: a giveback was begun, or no takeover is "
     "open that they would belong to."},
    {NodeEvent::kMayResume, "may-resume",
     "The open takeover needs no vote: this node owns or holds a disk of the peer, or the panic "
     "was "
     "proven, or an operator had ordered it."},
    {NodeEvent::kNothingBegun, "nothing-begun",
     "The remembered state is one of a takeover, but no intent is open, and no disk of the peer is "
     "here."},
    {NodeEvent::kPeerPanicked, "peer-panicked",
     "A coredump header tells of a panic of the peer's present life, and automatic takeover is not "
     "switched off."},
    {NodeEvent::kPeerHasItsDisks, "peer-has-its-disks",
     "A later life of the peer is in service, and this node has no disk of the peer."},
    {NodeEvent::kPeerWaits, "peer-waits",
     "The peer waits in a life so late that some life between it and the one that is taken over is "
     "over too."},
    {NodeEvent::kPreempted, "preempted",
     "This life's key is gone from a disk of its own, or from a majority of the mailbox disks, and "
     "the peer's intent against this life is there, or its hold on that disk."},
    {NodeEvent::kServicePreempted, "service-preempted",
     "The peer holds a disk whose service this node began by a takeover since it booted, and this "
     "life's key is gone from it."},
    {NodeEvent::kReservationsLost, "reservations-lost",
     "This life's key is gone, and nobody's intent explains it: the shelf has lost its "
     "reservations."},
    {NodeEvent::kTakeoverAnnounced, "takeover-announced",
     "The peer has announced a takeover from this life."},
    {NodeEvent::kAnnouncementGone, "announcement-gone",
     "The peer has called off its takeover from this life."},
    {NodeEvent::kDisksPromised, "disks-promised",
     "The label of a disk of this node promises it to this life."},
    {NodeEvent::kBothWait, "both-wait",
     "The peer waits for this node in its newest life, or for the rest of a giveback, as this node "
     "does for the peer; and this node is the one of the two with the higher number."},
    {NodeEvent::kPeerHeard, "peer-heard",
     "A message of the peer's present life has come, and it answers no announcement."},
    {NodeEvent::kPeerHalfSilent, "peer-half-silent",
     "All paths have been silent for half of the silence time."},
    {NodeEvent::kPeerSilent, "peer-silent",
     "All paths have been silent for the silence time, and a takeover on silence is possible."},
    {NodeEvent::kPeerSilentHeld, "peer-silent-held",
     "All paths have been silent for the silence time, and something stands against a takeover on "
     "silence."},
    {NodeEvent::kPeerLives, "peer-lives",
     "The peer has shown life since a takeover from it was announced, and before a vote was cast."},
    {NodeEvent::kPeerStopped, "peer-stopped", "The peer says that an operator has stopped it."},
    {NodeEvent::kPeerReleased, "peer-released",
     "The peer says that it has left its disks to this node."},
    {NodeEvent::kAskedToLeave, "asked-to-leave",
     "The peer stands by to take over, and its request to leave names this life and has not "
     "expired."},
    {NodeEvent::kAnnouncementOver, "announcement-over",
     "The time in which a living peer would have answered the announcement is over."},
    {NodeEvent::kMajorityWon, "majority-won",
     "The peer's key is gone from a majority of the mailbox disks, and this node's is there; or an "
     "order needs none, as there are no mailbox disks."},
    {NodeEvent::kTooFewVotes, "too-few-votes",
     "Too few mailbox disks took the intent, or gave their vote."},
    {NodeEvent::kTakeoverDone, "takeover-done", "Nothing is left to take or to recover."},
    {NodeEvent::kTakeoverUndone, "takeover-undone",
     "A disk of the peer is to be taken, or a dump to be recovered, that was not there or not "
     "known "
     "before."},
    {NodeEvent::kServiceEnded, "service-ended",
     "The hooks have ended this node's service and written back what was pending."},
    {NodeEvent::kCountdownOver, "countdown-over",
     "The time is over that the peer was given to leave."},
    {NodeEvent::kGivebackCalledOff, "giveback-called-off",
     "The giveback was given up before a disk was promised."},
    {NodeEvent::kAllReceived, "all-received", "All disks that were promised are this node's."},
    {NodeEvent::kTakeoverOrdered, "takeover-ordered",
     "An operator has ordered the takeover; where a switch forbids it, by the peer's name or by "
     "`--yes`."},
    {NodeEvent::kGracefulAgreed, "graceful-agreed",
     "An operator here, or the peer, wants the peer to leave, and this node can take over."},
    {NodeEvent::kGracefulCancelled, "graceful-cancelled",
     "The graceful takeover was cancelled, has expired, was asked of a life that has ended, or "
     "both "
     "nodes wanted the other to leave."},
    {NodeEvent::kGivebackAgreed, "giveback-agreed",
     "An operator, or the rule of automatic giveback, wants a giveback, and no veto stands."},
    {NodeEvent::kStopOrdered, "stop-ordered", "An operator has ordered `stop` or `halt`."},
    {NodeEvent::kStartOrdered, "start-ordered", "An operator has ordered `start`."},
}};

// Carried out in the order of the list, each of them resumable. One that finds nothing to do is
// done.
enum class NodeAction : std::uint8_t {
  kTakeOwnDisks,
  kServeOwn,
  kStopService,
  kReleaseDisks,
  kTellReleased,
  kTellWaiting,
  kRegisterAnew,
  kWriteSlot,
  kTellAnnounced,
  kTellAnnouncementGone,
  kAnnounceTakeover,
  kCallOff,
  kCastVotes,
  kKeepIntent,
  kReopenIntent,
  kTakePeerDisks,
  kTakeBothSets,
  kMarkTaken,
  kCloseIntent,
  kAskToLeave,
  kCancelGraceful,
  kEndService,
  kGiveBack,
  kCloseGiveback,
  kServeBorrowed,
  kReceiveDisks,
  kFence,
};

struct NodeActionText {
  NodeAction action;
  std::string_view name;
  std::string_view meaning;  // what is done, and which event answers it; for people
};
inline constexpr std::array<NodeActionText, 27> kNodeActions{{
    {NodeAction::kTakeOwnDisks, "take-own-disks",
     "Register on the mailbox disks and take this node's own disks under the key of this life."},
    {NodeAction::kServeOwn, "serve-own",
     "Announce the service of the own disks (hook `service-returned`, where this node had waited "
     "for "
     "them, or had begun to leave them)."},
    {NodeAction::kStopService, "stop-service", "Stop whatever this node serves, by the hooks."},
    {NodeAction::kReleaseDisks, "release-disks",
     "Release this node's reservations; the registrations on mailbox disks go last."},
    {NodeAction::kTellReleased, "tell-released",
     "Write PHASE_HANDED_OVER with life and sequence into the own slots, and send it."},
    {NodeAction::kTellWaiting, "tell-waiting",
     "Register on the mailbox disks, for the own slot only, and say what this node waits for."},
    {NodeAction::kRegisterAnew, "register-anew",
     "Register and reserve again, read labels and slots once more under the new registration, and "
     "withdraw where they tell of a takeover."},
    {NodeAction::kWriteSlot, "write-slot",
     "Write and send a message at once: proof that this node lives."},
    {NodeAction::kTellAnnounced, "tell-announced",
     "Run the hook `takeover-announced`: the service may suspend itself."},
    {NodeAction::kTellAnnouncementGone, "tell-announcement-gone",
     "Run the hook `takeover-called-off`: the service goes on."},
    {NodeAction::kAnnounceTakeover, "announce-takeover",
     "Make the intent against the peer's life durable, send it, and begin the time in which a "
     "living "
     "peer answers: peer-lives, announcement-over."},
    {NodeAction::kCallOff, "call-off",
     "End an announcement: the intent becomes TAKEN where a disk of the peer is here, else ENDED, "
     "and "
     "votes that were cast are not reported any more."},
    {NodeAction::kCastVotes, "cast-votes",
     "Remove the peer's key from the mailbox disks, in their order: majority-won, too-few-votes, "
     "preempted."},
    {NodeAction::kKeepIntent, "keep-intent",
     "Make an intent against the peer's present life durable, with the right to take over: a "
     "proven "
     "panic, an order, or a peer that has left."},
    {NodeAction::kReopenIntent, "reopen-intent",
     "Make the open intent durable as TAKING again, with its victim and its right; where the peer "
     "waits in a later life, against the life before that one."},
    {NodeAction::kTakePeerDisks, "take-peer-disks",
     "Take the peer's disks, announce its service, recover its dump: takeover-done."},
    {NodeAction::kTakeBothSets, "take-both-sets",
     "Take the peer's disks and the own ones that the peer has, announce both services, recover "
     "the "
     "dump: takeover-done."},
    {NodeAction::kMarkTaken, "mark-taken", "Write the intent as TAKEN."},
    {NodeAction::kCloseIntent, "close-intent",
     "Write an open intent as ENDED; nothing more is taken."},
    {NodeAction::kAskToLeave, "ask-to-leave",
     "Make the countdown durable and send the request to leave: peer-released, countdown-over."},
    {NodeAction::kCancelGraceful, "cancel-graceful",
     "End the countdown here, and the peer's with it."},
    {NodeAction::kEndService, "end-service",
     "Have the hooks end the service in good order: service-ended."},
    {NodeAction::kGiveBack, "give-back",
     "Open the giveback's record, end the borrowed service, and promise the peer's disks, dump "
     "disks first: peer-has-its-disks, giveback-called-off."},
    {NodeAction::kCloseGiveback, "close-giveback", "Close the giveback's record."},
    {NodeAction::kServeBorrowed, "serve-borrowed", "Announce the borrowed service again."},
    {NodeAction::kReceiveDisks, "receive-disks",
     "Register on each promised disk, preempt and abort the giver, write the label: all-received."},
    {NodeAction::kFence, "fence",
     "Run the hook `fenced`, then panic, unless the configuration says otherwise."},
}};

// "NORMAL"
[[nodiscard]] std::string_view name_of(NodeMode mode);
// "standing-by"
[[nodiscard]] std::string_view name_of(Phase phase);
[[nodiscard]] std::string_view name_of(NodeEvent event);
[[nodiscard]] std::string_view name_of(NodeAction action);
[[nodiscard]] std::string_view describe(Phase phase);
[[nodiscard]] std::string_view describe(NodeEvent event);
[[nodiscard]] std::string_view describe(NodeAction action);
[[nodiscard]] NodeMode mode_of(Phase phase);

}  // namespace lastword
