#include "agent/protocol/node_table.h"

#include <algorithm>

namespace lastword {
namespace table {  // for the enumerators, which are named without their types here
namespace {

using enum Phase;
using enum NodeEvent;
using enum NodeAction;

using Phases = EnumSet<Phase>;
using Events = EnumSet<NodeEvent>;

constexpr NodeRow moves(Phases from, NodeEvent event, Phase to, ActionList actions,
                        std::string_view why) {
  return {from, {event}, RowOutcome::kMoves, to, actions, why};
}
constexpr NodeRow stays(Phases from, NodeEvent event, ActionList actions, std::string_view why) {
  return {from, {event}, RowOutcome::kStays, {}, actions, why};
}
constexpr NodeRow ignored(Phases from, Events events, std::string_view why) {
  return {from, events, RowOutcome::kIgnored, {}, {}, why};
}
constexpr NodeRow impossible(Phases from, Events events, std::string_view why) {
  return {from, events, RowOutcome::kImpossible, {}, {}, why};
}

constexpr Phases kWatching{kUnseen, kPaired, kSuspect};  // NORMAL, and nothing under way
constexpr Phases kGraceful{kLeaving, kStandingBy};
constexpr Phases kNormal = kWatching | kGraceful;
constexpr Phases kInTakeover{kArbitrating, kTaking, kServing, kGivingBack};
constexpr Phases kInStopped{kClean, kHandedOver, kFenced};
// The peer has disks of this node, and this node has none of the peer's.
constexpr Phases kWithoutOwn{kWaiting, kReceiving};
constexpr Phases kInRebooting = kWithoutOwn | Phases{kLooking, kResuming};
// Have disks under the key of this life.
constexpr Phases kInService = kNormal | kInTakeover | Phases{kReceiving, kResuming};
constexpr Phases kRunning = kNormal | kInTakeover | kInRebooting;
// Announce a takeover from where they are, and can go back to what they are.
constexpr Phases kAnnounceInPlace = kWithoutOwn | Phases{kStandingBy, kGivingBack};

constexpr Events all_but(NodeEvent left_out) {
  Events events{};
  for (const NodeEventText& text : kNodeEvents) {
    if (text.event != left_out) events = events | Events{text.event};
  }
  return events;
}

constexpr std::array kRows{
    // ---- the first look, and whose this node's disks are
    moves({kLooking}, kOwnDisksFree, kUnseen, {kCloseIntent, kTakeOwnDisks, kServeOwn},
          "Nobody else has a claim to these disks; whether the peer is there does not matter. An "
          "intent of this node that a later life of the peer has ended is closed."),
    moves({kWaiting}, kOwnDisksFree, kUnseen, {kCloseIntent, kTakeOwnDisks, kServeOwn},
          "What this node waited for has ended: the peer gave up, or announced and never came."),
    impossible(kNormal | kInTakeover | Phases{kReceiving, kResuming}, {kOwnDisksFree},
               "Only a node that has none of its disks asks."),

    moves({kLooking}, kPeerOwnsDisks, kWaiting, {kTellWaiting},
          "One disk decides: the peer has one, or is about to, so the peer goes on."),
    moves(
        kNormal | Phases{kArbitrating, kResuming}, kPeerOwnsDisks, kWaiting,
        {kCallOff, kCancelGraceful, kStopService, kReleaseDisks, kTellWaiting},
        "One disk decides: the peer took it from an earlier life before this life came to it, and "
        "a set that is split serves nobody."),
    stays({kTaking}, kPeerOwnsDisks, {kTakeBothSets},
          "Disks beat memory: this node had waited, and its own disks are part of the takeover."),
    moves({kServing}, kPeerOwnsDisks, kTaking, {kReopenIntent, kTakeBothSets},
          "Disks beat memory: this node had waited, and its own disks are part of the takeover."),
    moves({kGivingBack}, kPeerOwnsDisks, kWaiting,
          {kCallOff, kCloseGiveback, kStopService, kReleaseDisks, kTellWaiting},
          "One disk decides: the peer took over from an earlier life of this node, and takes the "
          "rest "
          "too."),
    ignored(kWithoutOwn, {kPeerOwnsDisks}, "That is what this node waits for the end of."),

    moves({kTaking, kServing}, kPeerTakesToo, kWaiting,
          {kCloseIntent, kStopService, kReleaseDisks, kTellWaiting},
          "Two takeovers never overlap: whoever sees the other gives way; if both do, both wait."),
    ignored(kNormal | kInRebooting | Phases{kArbitrating, kGivingBack}, {kPeerTakesToo},
            "It is found as peer-owns-disks."),

    moves({kLooking}, kOwnIntentOpen, kResuming, {kTakeOwnDisks, kServeOwn},
          "This node was in TAKEOVER, and nobody else has a claim to its own disks."),
    moves(kWatching, kOwnIntentOpen, kResuming, {},
          "Disks beat memory: the remembered state is older than the intent."),
    ignored(kGraceful | kInTakeover | Phases{kResuming}, {kOwnIntentOpen},
            "The intent belongs to what is under way."),
    ignored(kWithoutOwn, {kOwnIntentOpen}, "This node's own disks come first."),
    stays(kWatching, kIntentOutlived, {kCloseIntent},
          "As long as it stands open, the peer waits for it."),
    ignored(kGraceful | kInTakeover | kInRebooting, {kIntentOutlived},
            "What is under way uses the intent, or ends it."),
    moves({kResuming}, kMayResume, kTaking, {kReopenIntent, kTakePeerDisks},
          "Disks beat memory: what a label gives to this node needs no second vote."),
    impossible(kNormal | kInTakeover | kWithoutOwn | Phases{kLooking}, {kMayResume},
               "Only a node that resumes asks."),

    moves({kArbitrating, kTaking, kServing, kResuming}, kNothingBegun, kUnseen, {},
          "Disks beat memory: the daemon ended before it had written the intent."),
    ignored(kNormal | kWithoutOwn | Phases{kLooking, kGivingBack}, {kNothingBegun},
            "Nothing is remembered that would need an intent."),

    moves({kLooking}, kGivebackOpen, kGivingBack, {kTakeOwnDisks, kServeOwn, kGiveBack},
          "A giveback that was begun is finished: the peer may have some of the disks by now."),
    moves(kWatching | Phases{kTaking, kServing, kResuming}, kGivebackOpen, kGivingBack, {kGiveBack},
          "Disks beat memory: what is the peer's goes back, as the record says."),
    ignored({kGivingBack}, {kGivebackOpen}, "It is under way."),
    ignored(kGraceful | kWithoutOwn | Phases{kArbitrating}, {kGivebackOpen},
            "What is under way comes first."),

    stays(kWithoutOwn, kBothWait, {kCloseIntent, kGiveBack},
          "Neither serves, and one of them has to begin: the peer has all of its own then, serves, "
          "and has this node's to serve or to give back. A promise that the home node takes is "
          "safe, whatever the peer does meanwhile."),
    impossible(kNormal | kInTakeover | Phases{kLooking, kResuming}, {kBothWait},
               "Only a node that waits, or that waits for the rest of a giveback, asks."),

    // ---- a proven panic: it cannot race
    moves(kWatching | Phases{kArbitrating, kResuming}, kPeerPanicked, kTaking,
          {kKeepIntent, kTakePeerDisks}, "A panic is proven: no announcement, no majority."),
    moves({kStandingBy}, kPeerPanicked, kTaking, {kKeepIntent, kTakePeerDisks, kCancelGraceful},
          "A panic during the countdown wins at once."),
    moves({kLeaving}, kPeerPanicked, kTaking,
          {kKeepIntent, kTakePeerDisks, kCancelGraceful, kServeOwn},
          "Nobody is there to leave to: this node stays."),
    moves({kGivingBack}, kPeerPanicked, kTaking, {kKeepIntent, kCloseGiveback, kTakePeerDisks},
          "The peer panicked before it served: what it has got is taken back."),
    moves(kWithoutOwn, kPeerPanicked, kTaking, {kKeepIntent, kTakeBothSets},
          "Nobody is left who would give the disks back."),
    ignored({kTaking}, {kPeerPanicked}, "The takeover under way finds the dump."),
    ignored({kServing}, {kPeerPanicked}, "The peer has no disk; what is to be saved is undone."),
    ignored({kLooking}, {kPeerPanicked}, "The look comes first; the panic is told again after it."),

    // ---- whose the peer's disks are
    moves({kTaking, kServing, kResuming}, kPeerHasItsDisks, kUnseen, {kCloseIntent},
          "One disk decides: this node has none, and a later life of the peer serves."),
    moves({kGivingBack}, kPeerHasItsDisks, kPaired, {kCloseGiveback, kCloseIntent},
          "The peer is NORMAL with its disks: only now may it be taken over again."),
    ignored(kNormal | Phases{kArbitrating} | kWithoutOwn | Phases{kLooking}, {kPeerHasItsDisks},
            "No takeover of this node's is open that it would end."),

    stays({kTaking}, kPeerWaits, {kReopenIntent, kTakePeerDisks},
          "What a life between the two still holds is nobody's any more, and belongs to the set."),
    ignored(kNormal | kInRebooting | Phases{kArbitrating, kServing, kGivingBack}, {kPeerWaits},
            "There is nothing to take that it would free."),

    // ---- one's own key
    moves(kInService, kPreempted, kFenced, {kFence},
          "The peer has won: every cache of this node is stale."),
    moves({kWaiting}, kServicePreempted, kFenced, {kFence},
          "An order had this node serve a disk while it waited, and the peer has taken that disk: "
          "every cache of this node is stale."),
    ignored(kInService, {kServicePreempted}, "It is preempted, which leads to the same."),
    impossible({kLooking}, {kServicePreempted}, "No service of this life has begun."),
    stays({kWaiting}, kPreempted, {kCallOff},
          "Nothing could be taken from a node that waits but its right to vote in this life."),
    impossible({kLooking}, {kPreempted}, "No key of this life is registered yet."),
    stays(kInService | Phases{kWaiting}, kReservationsLost, {kRegisterAnew},
          "Nobody took them: the shelf was without power."),
    impossible({kLooking}, {kReservationsLost}, "No key of this life is registered yet."),

    // ---- the peer announces
    stays(kInService, kTakeoverAnnounced, {kWriteSlot, kTellAnnounced},
          "A node that lives shows it, and may suspend itself in case nobody sees that."),
    stays({kWaiting}, kTakeoverAnnounced, {kWriteSlot}, "A node that lives shows it."),
    ignored({kLooking}, {kTakeoverAnnounced}, "It is found as peer-owns-disks."),
    stays(kInService, kAnnouncementGone, {kTellAnnouncementGone},
          "What suspended itself may go on."),
    ignored({kLooking, kWaiting}, {kAnnouncementGone}, "Nothing was suspended."),

    // ---- the peer gives back
    moves({kWaiting}, kDisksPromised, kReceiving, {kReceiveDisks},
          "The giver has ended the service of these disks; it is still their holder."),
    stays(kWatching | kInTakeover, kDisksPromised, {kReceiveDisks},
          "A disk that came to light late, or that this life had not got, follows the others."),
    ignored({kReceiving}, {kDisksPromised}, "It is under way."),
    ignored(kGraceful | Phases{kLooking, kResuming}, {kDisksPromised},
            "What is under way comes first; the promise stands."),
    moves({kReceiving}, kAllReceived, kUnseen, {kServeOwn}, "Service begins when all are there."),
    stays(kWatching | kInTakeover, kAllReceived, {kServeOwn}, "The late ones join the service."),
    ignored(kGraceful | Phases{kLooking, kWaiting, kResuming}, {kAllReceived}, "It was overtaken."),

    // ---- the peer is heard, or is not
    moves({kUnseen, kSuspect}, kPeerHeard, kPaired, {}, "The peer lives."),
    ignored(kGraceful | kInTakeover | kInRebooting | Phases{kPaired}, {kPeerHeard},
            "It changes nothing; votes that are being cast are not stopped, as the keys that are "
            "gone would fence the peer."),
    moves({kPaired}, kPeerHalfSilent, kSuspect, {}, "An operator is to see it before it matters."),
    ignored(kGraceful | kInTakeover | kInRebooting | Phases{kUnseen, kSuspect}, {kPeerHalfSilent},
            "Only the whole silence time counts here."),

    moves({kPaired, kSuspect}, kPeerSilent, kArbitrating, {kAnnounceTakeover},
          "Silence is no proof: a peer that lives gets the time to say so."),
    moves({kLeaving}, kPeerSilent, kArbitrating, {kAnnounceTakeover, kCancelGraceful, kServeOwn},
          "Nobody is there to leave to."),
    stays(kAnnounceInPlace | Phases{kResuming}, kPeerSilent, {kAnnounceTakeover},
          "Silence is no proof; until the votes are won this node is what it was."),
    impossible({kUnseen, kLooking}, {kPeerSilent},
               "A peer that was not seen in this boot is never taken over because of its silence."),
    ignored({kArbitrating}, {kPeerSilent}, "It is announced."),
    ignored({kTaking, kServing}, {kPeerSilent}, "The peer has been taken over."),

    moves({kPaired}, kPeerSilentHeld, kSuspect, {},
          "Nothing can be done; an operator is to see it."),
    moves({kLeaving}, kPeerSilentHeld, kSuspect, {kCancelGraceful, kServeOwn},
          "Nobody is there to leave to."),
    moves({kArbitrating}, kPeerSilentHeld, kSuspect, {kCallOff},
          "What made the takeover possible is gone, before a vote was cast."),
    stays(kAnnounceInPlace, kPeerSilentHeld, {kCallOff},
          "What made the takeover possible is gone, before a vote was cast."),
    ignored(Phases{kUnseen, kSuspect, kTaking, kServing, kLooking, kResuming}, {kPeerSilentHeld},
            "Nothing is announced; a node that resumes waits until it may."),

    moves({kArbitrating}, kPeerLives, kPaired, {kCallOff},
          "The peer lives: its disks stay its own."),
    stays(kAnnounceInPlace, kPeerLives, {kCallOff}, "The peer lives: what was goes on."),
    moves({kResuming}, kPeerLives, kUnseen, {kCloseIntent},
          "No disk was taken yet, and the peer, in that life or a later one, is there."),
    impossible(kWatching | Phases{kLeaving, kTaking, kServing, kLooking}, {kPeerLives},
               "Nothing is announced that it would answer."),

    moves({kPaired}, kPeerStopped, kSuspect, {}, "A clean stop is not taken over."),
    moves({kArbitrating}, kPeerStopped, kSuspect, {kCallOff},
          "A clean stop is not taken over, and the message came before a vote was cast."),
    moves({kStandingBy}, kPeerStopped, kSuspect, {kCallOff, kCancelGraceful},
          "An operator there wanted it to stop, not to leave its disks."),
    moves({kLeaving}, kPeerStopped, kSuspect, {kCancelGraceful, kServeOwn},
          "Nobody is there to leave to."),
    moves({kResuming}, kPeerStopped, kUnseen, {kCloseIntent},
          "No disk was taken yet, and a clean stop is not taken over."),
    stays(kWithoutOwn | Phases{kGivingBack}, kPeerStopped, {kCallOff},
          "A clean stop is not taken over; what was goes on when the peer is back."),
    ignored({kUnseen, kSuspect, kTaking, kServing, kLooking}, {kPeerStopped},
            "It has no part in what this node does."),

    // ---- votes
    stays(kAnnounceInPlace | Phases{kArbitrating, kResuming}, kAnnouncementOver, {kCastVotes},
          "The peer did not answer: a majority of the mailbox disks decides."),
    ignored(kWatching | Phases{kLeaving, kTaking, kServing, kLooking}, {kAnnouncementOver},
            "It was called off, or overtaken."),
    moves({kArbitrating, kResuming}, kMajorityWon, kTaking, {kTakePeerDisks},
          "The peer cannot win any more; the intent is durable since the announcement."),
    moves({kStandingBy}, kMajorityWon, kTaking, {kTakePeerDisks, kCancelGraceful},
          "The peer did not leave in time, or fell silent."),
    moves({kGivingBack}, kMajorityWon, kTaking, {kCloseGiveback, kTakePeerDisks},
          "The peer fell silent before it served: what it has got is taken back."),
    moves(kWithoutOwn, kMajorityWon, kTaking, {kTakeBothSets},
          "Nobody is left who would give the disks back."),
    ignored(kWatching | Phases{kLeaving, kTaking, kServing, kLooking}, {kMajorityWon},
            "It was called off, or overtaken."),
    moves({kArbitrating}, kTooFewVotes, kSuspect, {kCallOff},
          "Nothing but registrations on mailbox disks has changed."),
    moves({kStandingBy}, kTooFewVotes, kSuspect, {kCallOff, kCancelGraceful},
          "What cannot be taken by force at the end of the countdown is not waited for."),
    stays(kWithoutOwn | Phases{kGivingBack}, kTooFewVotes, {kCallOff},
          "Nothing but registrations on mailbox disks has changed."),
    ignored({kResuming}, {kTooFewVotes},
            "The intent stays open until the mailbox disks are there."),
    ignored(kWatching | Phases{kLeaving, kTaking, kServing, kLooking}, {kTooFewVotes},
            "It was called off, or overtaken."),

    // ---- the takeover's own way
    moves({kTaking}, kTakeoverDone, kServing, {kMarkTaken},
          "The peer can come back to a giveback."),
    ignored(kNormal | kInRebooting | Phases{kArbitrating, kServing, kGivingBack}, {kTakeoverDone},
            "It was overtaken."),
    moves({kServing}, kTakeoverUndone, kTaking, {kReopenIntent, kTakePeerDisks},
          "A disk that comes late belongs to the same takeover."),
    ignored(kNormal | kInRebooting | Phases{kArbitrating, kTaking, kGivingBack}, {kTakeoverUndone},
            "It is under way, or no takeover is open."),

    // ---- graceful takeover
    moves({kPaired}, kGracefulAgreed, kStandingBy, {kAskToLeave},
          "This node has checked that it can take over, before anything stops there."),
    ignored(kGraceful | kInTakeover | kInRebooting | Phases{kUnseen, kSuspect}, {kGracefulAgreed},
            "Refused: only a node that hears its peer, with nothing under way, can stand by."),
    moves({kPaired, kSuspect}, kAskedToLeave, kLeaving, {kEndService},
          "The peer stands by: what is pending is finished here."),
    ignored({kUnseen}, {kAskedToLeave}, "The message that asks is heard first."),
    ignored(kGraceful | kInTakeover | kInRebooting, {kAskedToLeave},
            "Refused: this node leaves already, stands by itself, has disks of the peer, or none."),
    moves({kLeaving}, kServiceEnded, kHandedOver, {kReleaseDisks, kTellReleased},
          "It says explicitly that it has left, so that nobody waits for a silence."),
    ignored(kWatching | Phases{kStandingBy} | kInTakeover | kInRebooting, {kServiceEnded},
            "It was cancelled, or overtaken."),
    moves(kWatching | Phases{kArbitrating, kResuming}, kPeerReleased, kTaking,
          {kKeepIntent, kTakePeerDisks}, "The peer left its disks to this node, countdown or not."),
    moves({kStandingBy}, kPeerReleased, kTaking, {kKeepIntent, kTakePeerDisks, kCancelGraceful},
          "The peer has left: nobody waits for the end of the countdown, or for a silence."),
    moves({kLeaving}, kPeerReleased, kTaking,
          {kKeepIntent, kTakePeerDisks, kCancelGraceful, kServeOwn},
          "Of two that leave, the second stays."),
    ignored(kWithoutOwn | Phases{kTaking, kServing, kGivingBack, kLooking}, {kPeerReleased},
            "A peer whose disks are here, or who has disks of this node, has nothing to leave; a "
            "look comes first."),
    stays({kStandingBy}, kCountdownOver, {kKeepIntent, kCastVotes},
          "By force, as the operator ordered; the votes tell the peer."),
    ignored(kWatching | Phases{kLeaving} | kInTakeover | kInRebooting, {kCountdownOver},
            "It was cancelled, or overtaken."),
    moves({kStandingBy}, kGracefulCancelled, kPaired, {kCallOff, kCancelGraceful},
          "The peer keeps its disks."),
    moves({kLeaving}, kGracefulCancelled, kPaired, {kServeOwn}, "This node keeps its disks."),
    ignored(kWatching | kInTakeover | kInRebooting, {kGracefulCancelled},
            "Nothing is left to cancel."),

    // ---- giveback
    moves({kTaking, kServing}, kGivebackAgreed, kGivingBack, {kGiveBack},
          "The peer waits, and no veto stands, or an operator has overridden it."),
    ignored(kNormal | kInRebooting | Phases{kArbitrating, kGivingBack}, {kGivebackAgreed},
            "Refused: there is nothing to give back, or it is under way."),
    moves({kGivingBack}, kGivebackCalledOff, kServing, {kCloseGiveback, kServeBorrowed},
          "No disk was promised yet: all of them serve again here."),
    ignored(kNormal | kInRebooting | Phases{kArbitrating, kTaking, kServing}, {kGivebackCalledOff},
            "It was overtaken."),

    // ---- an operator orders
    moves(
        kWatching, kTakeoverOrdered, kArbitrating, {kKeepIntent, kCastVotes},
        "An order needs no announcement and overrides DISABLE and NO_TAKEOVER; the votes keep two "
        "orders apart."),
    stays(kAnnounceInPlace | Phases{kArbitrating, kResuming}, kTakeoverOrdered,
          {kKeepIntent, kCastVotes}, "An order needs no announcement."),
    stays({kTaking}, kTakeoverOrdered, {kTakePeerDisks}, "What was given up is tried again."),
    ignored({kServing}, {kTakeoverOrdered}, "Nothing is left to take."),
    ignored({kLeaving}, {kTakeoverOrdered}, "Refused: this node leaves; cancel that first."),
    ignored({kLooking}, {kTakeoverOrdered}, "Refused: the look comes first."),
    moves(kRunning, kStopOrdered, kClean, {kCallOff, kCancelGraceful, kStopService, kReleaseDisks},
          "An open takeover or giveback stays open, and is found after the next start."),
    moves({kClean, kHandedOver}, kStartOrdered, kLooking, {},
          "As after a boot: the peer may have the disks."),
    ignored({kFenced}, {kStartOrdered}, "Refused: only a reboot empties the caches."),
    ignored(kRunning, {kStartOrdered}, "It has been started."),
    ignored(kInStopped, all_but(kStartOrdered),
            "A stopped node touches nothing until it is started or rebooted."),
};

constexpr NodeRow kMissing = impossible({}, {}, "The table has no row for it.");

}  // namespace
}  // namespace table

std::span<const NodeRow> node_rows() {
  return table::kRows;
}

const NodeRow& node_row(Phase phase, NodeEvent event) {
  const auto* const row = std::ranges::find_if(table::kRows, [&](const NodeRow& candidate) {
    return candidate.from.has(phase) && candidate.events.has(event);
  });
  return row == table::kRows.end() ? table::kMissing : *row;
}

}  // namespace lastword
