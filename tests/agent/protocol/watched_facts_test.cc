// What records mean to the node machine, and what of a survey it is told.
#include "agent/protocol/watched_facts.h"

#include <boost/test/unit_test.hpp>

#include "agent/protocol/mailbox.h"
#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kLife = 7;   // of alpha, whose facts these are
constexpr std::uint32_t kOther = 4;  // of beta

std::optional<pb::TakeoverIntent> intent_of(IntentPhase phase) {
  pb::TakeoverIntent intent;
  intent.set_phase(phase);
  intent.set_victim_node(kBeta);
  intent.set_victim_generation(kOther);
  intent.set_number(1);
  return intent;
}

NodeState life() {
  return {.boot_generation = kLife, .key = key_of(kAlpha, kLife)};
}

std::optional<NodeEvent> event_with(Phase phase, const NodeState& state,
                                    const std::optional<pb::TakeoverIntent>& intent,
                                    IntentVerdict verdict, bool peer_owns_ours = false) {
  DiskFacts disks;
  disks.verdict = verdict;
  disks.peer_owns_ours = peer_owns_ours;
  return event_of_records(phase, state, intent, disks);
}

using enum NodeEvent;
using enum IntentVerdict;

}  // namespace

BOOST_AUTO_TEST_SUITE(watched_facts)

BOOST_AUTO_TEST_CASE(each_phase_has_its_word_in_a_slot) {
  for (const PhaseText& text : kPhases) {
    BOOST_TEST((phase_of_slot(slot_phase(text.phase)) == text.phase));
    std::string name(text.name);
    std::ranges::transform(name, name.begin(), [](char c) {
      return c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    });
    BOOST_TEST(pb::NodePhase_Name(slot_phase(text.phase)) == "PHASE_" + name);
  }
  BOOST_TEST(!phase_of_slot(pb::PHASE_UNKNOWN));
  BOOST_TEST(!phase_of_slot(static_cast<pb::NodePhase>(99)));
}

BOOST_AUTO_TEST_CASE(agent_begins_where_the_records_are) {
  NodeState state = life();
  const Config config = cluster_config();
  Survey survey;
  const auto phase = [&](const std::optional<pb::TakeoverIntent>& intent) {
    return phase_of_records(survey, config, state, intent);
  };
  BOOST_TEST((phase({}) == Phase::kUnseen));
  for (const auto& [written, found] : {std::pair{pb::TakeoverIntent::ANNOUNCED, Phase::kUnseen},
                                       {pb::TakeoverIntent::TAKING, Phase::kResuming},
                                       {pb::TakeoverIntent::TAKEN, Phase::kServing},
                                       {pb::TakeoverIntent::RETURNING, Phase::kGivingBack},
                                       {pb::TakeoverIntent::ENDED, Phase::kUnseen}}) {
    BOOST_TEST((phase(intent_of(written)) == found));
  }
  state.waiting = true;
  BOOST_TEST((phase({}) == Phase::kWaiting));
  survey.disks = {in_service(0, pb::SERVICE, kLife)};
  BOOST_TEST((phase({}) == Phase::kReceiving));
  state.handed_over = true;
  BOOST_TEST((phase({}) == Phase::kHandedOver));
  state.stopped = true;
  BOOST_TEST((phase({}) == Phase::kClean));
}

// It had won the votes, and has a disk of the partner's by that.
BOOST_AUTO_TEST_CASE(node_that_waits_goes_on_with_its_takeover_of_both_sets) {
  NodeState state = life();
  state.waiting = true;
  const Config config = cluster_config();
  DiskView taken = in_service(1, pb::SERVICE, kLife);
  taken.label->set_home_node(kBeta);
  auto taking = intent_of(pb::TakeoverIntent::TAKING);
  taking->set_number(first_number_of(kLife) + 2);
  const auto phase = [&](const DiskView& disk, const std::optional<pb::TakeoverIntent>& intent) {
    return phase_of_records({.disks = {disk}}, config, state, intent);
  };
  BOOST_TEST((phase(taken, taking) == Phase::kTaking));
  BOOST_TEST((phase(in_service(1, pb::SERVICE, kLife), taking) == Phase::kReceiving));
  BOOST_TEST((phase(taken, intent_of(pb::TakeoverIntent::TAKING)) == Phase::kWaiting));
  taking->set_phase(pb::TakeoverIntent::RETURNING);
  BOOST_TEST((phase(taken, taking) == Phase::kWaiting));
  taking->set_phase(pb::TakeoverIntent::TAKING);
  taken.label->set_owner_generation(kLife - 1);
  BOOST_TEST((phase(taken, taking) == Phase::kWaiting));
}

BOOST_AUTO_TEST_CASE(commands_that_end_a_life_are_events) {
  NodeState state = life();
  BOOST_TEST(!event_with(Phase::kPaired, state, {}, kNothing));
  state.handed_over = true;
  BOOST_TEST((event_with(Phase::kPaired, state, {}, kNothing) == kAskedToLeave));
  BOOST_TEST((event_with(Phase::kLeaving, state, {}, kNothing) == kServiceEnded));
  BOOST_TEST(!event_with(Phase::kHandedOver, state, {}, kNothing));
  state.stopped = true;
  BOOST_TEST((event_with(Phase::kServing, state, {}, kNothing) == kStopOrdered));
  BOOST_TEST(!event_with(Phase::kClean, state, {}, kNothing));
}

BOOST_AUTO_TEST_CASE(intent_that_is_over_ends_what_belongs_to_it) {
  const auto taken = intent_of(pb::TakeoverIntent::TAKEN);
  for (const Phase phase : {Phase::kTaking, Phase::kServing, Phase::kResuming}) {
    BOOST_TEST((event_with(phase, life(), taken, kEnded) == kPeerHasItsDisks));
  }
  BOOST_TEST((event_with(Phase::kPaired, life(), taken, kEnded) == kIntentOutlived));
  BOOST_TEST((event_with(Phase::kPaired, life(), intent_of(pb::TakeoverIntent::ANNOUNCED),
                         kCalledOff) == kIntentOutlived));
}

BOOST_AUTO_TEST_CASE(takeover_of_a_command_is_followed_to_its_end) {
  const auto taking = intent_of(pb::TakeoverIntent::TAKING);
  const auto taken = intent_of(pb::TakeoverIntent::TAKEN);
  BOOST_TEST(!event_with(Phase::kTaking, life(), taking, kResume));
  BOOST_TEST((event_with(Phase::kTaking, life(), taken, kNothing) == kTakeoverDone));
  // It would be undone by the next look, and done again, once a second.
  BOOST_TEST(!event_with(Phase::kTaking, life(), taken, kNothing, true));
  BOOST_TEST(!event_with(Phase::kServing, life(), taken, kNothing));
  // A disk of it is held by an earlier life of this node.
  BOOST_TEST((event_with(Phase::kServing, life(), taken, kResume) == kTakeoverUndone));
}

BOOST_AUTO_TEST_CASE(giveback_of_a_command_is_followed_to_its_end) {
  const auto returning = intent_of(pb::TakeoverIntent::RETURNING);
  BOOST_TEST(!event_with(Phase::kGivingBack, life(), returning, kNothing));
  BOOST_TEST((event_with(Phase::kGivingBack, life(), intent_of(pb::TakeoverIntent::TAKEN),
                         kNothing) == kGivebackCalledOff));
  BOOST_TEST((event_with(Phase::kGivingBack, life(), intent_of(pb::TakeoverIntent::ENDED),
                         kNothing) == kPeerHasItsDisks));
}

BOOST_AUTO_TEST_CASE(node_that_a_command_has_taken_into_service_follows) {
  BOOST_TEST((event_with(Phase::kWaiting, life(), {}, kNothing) == kOwnDisksFree));
  BOOST_TEST((event_with(Phase::kReceiving, life(), {}, kNothing) == kAllReceived));
  NodeState state = life();
  state.waiting = true;
  BOOST_TEST(!event_with(Phase::kWaiting, state, {}, kNothing));
}

BOOST_AUTO_TEST_CASE(countdown_is_begun_forced_or_cancelled) {
  using enum Countdown;
  BOOST_TEST((event_of_countdown(Phase::kPaired, false, kRuns) == kGracefulAgreed));
  BOOST_TEST(!event_of_countdown(Phase::kPaired, false, kNone));
  // No agent was there for long: nobody expects force any more.
  BOOST_TEST(!event_of_countdown(Phase::kPaired, false, kForgotten));
  BOOST_TEST(!event_of_countdown(Phase::kSuspect, false, kForces));
  BOOST_TEST(!event_of_countdown(Phase::kStandingBy, false, kRuns));
  BOOST_TEST((event_of_countdown(Phase::kStandingBy, false, kForces) == kCountdownOver));
  BOOST_TEST(!event_of_countdown(Phase::kStandingBy, true, kForces));
  BOOST_TEST((event_of_countdown(Phase::kStandingBy, false, kNone) == kGracefulCancelled));
  // A restart took long, and it stood by again: after that it is given up.
  BOOST_TEST((event_of_countdown(Phase::kStandingBy, false, kForgotten) == kGracefulCancelled));
}

BOOST_AUTO_TEST_CASE(word_of_a_peer_that_was_stopped_is_that) {
  pb::MailboxSlot slot;
  slot.set_generation(kOther);
  slot.set_phase(pb::PHASE_PAIRED);
  slot.set_presence(pb::WATCHING);
  BOOST_TEST((peer_word(slot).phase == Phase::kPaired));
  slot.set_presence(pb::GONE);
  BOOST_TEST((peer_word(slot).phase == Phase::kClean));
  BOOST_TEST(peer_word(std::nullopt).generation == 0U);
}

BOOST_AUTO_TEST_CASE(peer_whose_agent_has_ended_is_not_silent) {
  BOOST_TEST(!peer_voice(Standing::kUnseen).seen);
  BOOST_TEST((peer_voice(Standing::kAway).silence == Silence::kHalf));
  BOOST_TEST((peer_voice(Standing::kSilent).silence == Silence::kWhole));
  BOOST_TEST((peer_voice(Standing::kHeard).silence == Silence::kNone));
  BOOST_TEST(!peer_voice(Standing::kHeard).expected);
  BOOST_TEST(peer_voice(Standing::kExpected).expected);
}

BOOST_AUTO_TEST_CASE(disk_that_was_labelled_over_belongs_to_no_takeover) {
  Survey survey;
  survey.disks = {surveyed(0, pb::SPARE, kBeta)};
  DiskView& disk = survey.disks.front();
  disk.reservations_known = true;
  disk.keys = {key_of(kAlpha, kLife)};
  disk.reservation = Reservation{.holder = key_of(kAlpha, kLife), .type = kOwnerType};
  const Config config = cluster_config();
  BOOST_TEST(!watched_disks(survey, config, life(), {}, true).has_peer_disk);
  BOOST_TEST(watched_disks(survey, config, life(), intent_of(pb::TakeoverIntent::TAKEN), true)
                 .has_peer_disk);
}

BOOST_AUTO_TEST_CASE(peer_that_announces_is_seen_at_once) {
  Survey survey;
  survey.disks = {surveyed(5, pb::MAILBOX, 0)};
  pb::MailboxSlot& slot = survey.disks.front().mailbox[1];
  slot.set_node(kBeta);
  slot.set_generation(kOther);
  slot.mutable_intent()->set_phase(pb::TakeoverIntent::ANNOUNCED);
  slot.mutable_intent()->set_victim_node(kAlpha);
  slot.mutable_intent()->set_victim_generation(kLife);
  slot.mutable_intent()->set_number(1);
  const Config config = cluster_config();
  BOOST_TEST(watched_disks(survey, config, life(), {}, true).announced);
  slot.mutable_intent()->set_victim_generation(kLife - 1);
  BOOST_TEST(!watched_disks(survey, config, life(), {}, true).announced);
}

// Otherwise an agent whose `giveback` command is still at work would go back and forth.
BOOST_AUTO_TEST_CASE(giveback_is_over_when_its_record_is) {
  Survey survey;
  survey.disks = {in_service(0, pb::SERVICE, kOther + 1, kBeta)};
  survey.disks.front().label->set_home_node(kBeta);
  survey.disks.front().reservations_known = true;
  const auto told_of = [&](IntentPhase phase) {
    return watched_disks(survey, cluster_config(), life(), intent_of(phase), true).peer_in_service;
  };
  BOOST_TEST(told_of(pb::TakeoverIntent::TAKEN));
  BOOST_TEST(!told_of(pb::TakeoverIntent::RETURNING));
  BOOST_TEST(told_of(pb::TakeoverIntent::ENDED));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
