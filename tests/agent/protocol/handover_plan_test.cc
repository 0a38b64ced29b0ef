// What stands against leaving in good order, and when disks count as left.
#include "agent/protocol/handover_plan.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "agent/protocol/mailbox.h"
#include "agent/protocol/ownership.h"
#include "agent/protocol/takeover_intent.h"
#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kOwn = 7;   // alpha's life
constexpr std::uint32_t kLife = 4;  // beta's
enum Number : std::size_t { kFirst, kSecond, kSpare, kTheirs, kMailbox };

// alpha has three disks, and beta one; both serve.
struct Leaving {
  Leaving() {
    for (const auto& [number, role] :
         {std::pair{kFirst, pb::SERVICE}, {kSecond, pb::SERVICE}, {kSpare, pb::SPARE}}) {
      survey.disks.push_back(in_service(static_cast<unsigned>(number), role, kOwn));
    }
    survey.disks.push_back(in_service(kTheirs, pb::SERVICE, kLife, kBeta));
    disk(kTheirs).label->set_home_node(kBeta);
    for (DiskView& one : survey.disks) one.reservations_known = true;
    survey.disks.push_back(surveyed(kMailbox, pb::MAILBOX, 0));
    disk(kMailbox).keys = {state.key, key_of(kBeta, kLife)};
    pb::MailboxSlot slot;
    slot.set_node(kBeta);
    slot.set_generation(kLife);
    slot.set_sequence(5);
    slot.set_presence(pb::WATCHING);
    slot.set_protocol(kProtocolVersion);
    slot.set_phase(pb::PHASE_PAIRED);
    slot.set_sees_partner(mailbox_set({uuid_of(kFirst), uuid_of(kSecond), uuid_of(kSpare)}));
    *slot.mutable_settings() = shared_settings(config.timing);
    word = {.slot = slot, .heard = true};
  }
  DiskView& disk(std::size_t number) { return survey.disks[number]; }
  [[nodiscard]] HandoverPlan plan() const {
    return plan_handover(survey, config, state, intent, word);
  }
  // Of the one veto that there is.
  [[nodiscard]] Veto veto() const {
    const auto vetoes = plan().vetoes;
    BOOST_TEST_REQUIRE(vetoes.size() == 1U);
    BOOST_TEST(!vetoes.front().remedy.empty());
    return vetoes.front();
  }
  [[nodiscard]] bool refuses(std::string_view reason) const {
    return veto().reason.find(reason) != std::string::npos;
  }
  void set_intent(IntentPhase phase) { intent = next_intent(std::nullopt, phase, kBeta, kLife); }

  Config config = cluster_config();
  NodeState state{.boot_generation = kOwn,
                  .key = key_of(kAlpha, kOwn),
                  .mailbox_disks = {uuid_of(kMailbox)},
                  .mailbox_joined = {uuid_of(kMailbox)}};
  Survey survey;
  std::optional<pb::TakeoverIntent> intent;
  PartnerWord word;
};

// beta's sight of the same disks, when alpha has left.
struct Left : Leaving {
  Left() {
    std::swap(config.self, config.partner);
    state = {.boot_generation = kLife, .key = key_of(kBeta, kLife)};
    word.slot->set_node(kAlpha);
    word.slot->set_generation(kOwn);
    word.slot->set_phase(pb::PHASE_HANDED_OVER);
  }
  [[nodiscard]] std::uint32_t life() const {
    return life_to_take_from(survey, config, state, word.slot, intent).value_or(0);
  }
  void take(std::size_t number) {
    disk(number).label->set_owner_node(kBeta);
    disk(number).reservation = Reservation{.holder = state.key, .type = kOwnerType};
  }
  void set_victim(IntentPhase phase, std::uint32_t victim = kOwn) {
    intent = next_intent(std::nullopt, phase, kAlpha, victim);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(handover_plan)

BOOST_FIXTURE_TEST_CASE(service_that_may_begin_at_any_moment_is_not_left, Leaving) {
  state.unannounced = true;
  BOOST_TEST(refuses("service-returned"));
}

BOOST_FIXTURE_TEST_CASE(nothing_against_it, Leaving) {
  const HandoverPlan made = plan();
  BOOST_TEST(made.vetoes.empty());
  BOOST_TEST(made.life == kLife);
  BOOST_TEST(made.own == (std::vector<std::size_t>{kFirst, kSecond, kSpare}),
             boost::test_tools::per_element());
  BOOST_TEST(made.service == (std::vector<std::size_t>{kFirst, kSecond}),
             boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(partner_that_no_mailbox_disk_tells_of, Leaving) {
  word.slot.reset();
  BOOST_TEST(refuses("no mailbox disk"));
  state.mailbox_disks.clear();
  BOOST_TEST(refuses("no mailbox disk"));
}

BOOST_FIXTURE_TEST_CASE(node_that_could_not_tell_the_partner, Leaving) {
  disk(kMailbox).keys = {key_of(kBeta, kLife)};
  BOOST_TEST(refuses("registered on 0 of 1"));
}

BOOST_FIXTURE_TEST_CASE(partner_that_is_not_heard, Leaving) {
  word.heard = false;
  BOOST_TEST(refuses("not heard"));
}

BOOST_FIXTURE_TEST_CASE(partner_whose_agent_does_not_run, Leaving) {
  for (const auto presence : {pb::PRESENCE_UNKNOWN, pb::AWAY, pb::GONE}) {
    word.slot->set_presence(presence);
    BOOST_TEST(refuses("agent of beta"));
  }
}

BOOST_FIXTURE_TEST_CASE(partner_that_does_not_serve_its_own_disks_only, Leaving) {
  for (const auto phase : {pb::PHASE_UNSEEN, pb::PHASE_SUSPECT, pb::PHASE_STANDING_BY}) {
    word.slot->set_phase(phase);
    BOOST_TEST(plan().vetoes.empty());
  }
  for (const auto phase : {pb::PHASE_UNKNOWN, pb::PHASE_LEAVING, pb::PHASE_HANDED_OVER,
                           pb::PHASE_WAITING, pb::PHASE_TAKING, pb::PHASE_GIVING_BACK}) {
    word.slot->set_phase(phase);
    BOOST_TEST(refuses("does not serve its own disks only"));
  }
}

BOOST_FIXTURE_TEST_CASE(partner_whose_later_life_has_not_spoken, Leaving) {
  disk(kMailbox).keys.push_back(key_of(kBeta, kLife + 1));
  BOOST_TEST(refuses("life 5"));
}

BOOST_FIXTURE_TEST_CASE(partner_that_does_not_see_all_of_this_nodes_disks, Leaving) {
  word.slot->set_sees_partner(mailbox_set({uuid_of(kFirst), uuid_of(kSecond)}));
  BOOST_TEST(refuses("sees 2 of alpha's disks whole, and this node 3"));
  word.slot->set_sees_partner(mailbox_set({uuid_of(kFirst), uuid_of(kSecond), uuid_of(9)}));
  BOOST_TEST(refuses("sees other 3 disks of alpha's"));
  word.slot->clear_sees_partner();
  BOOST_TEST(refuses("does not say which of alpha's disks"));
}

BOOST_FIXTURE_TEST_CASE(versions_and_settings_that_differ_are_named, Leaving) {
  word.slot->set_protocol(kProtocolVersion + 1);
  BOOST_TEST(refuses("version 2"));
  word.slot->set_protocol(kProtocolVersion);
  word.slot->mutable_settings()->set_grace_ms(1);
  BOOST_TEST(refuses("grace"));
}

BOOST_FIXTURE_TEST_CASE(partner_that_has_panicked_is_taken_over_and_not_left_to, Leaving) {
  DiskView dump = in_service(5, pb::SPARE, kLife, kBeta);
  dump.label->set_home_node(kBeta);
  dump.header.set_attribute(pb::IN_PROGRESS);
  dump.header.set_node(kBeta);
  dump.header.set_boot_generation(kLife);
  survey.disks.push_back(dump);
  BOOST_TEST(refuses("panicked"));
  BOOST_TEST(*veto().disk == 5U);
}

BOOST_FIXTURE_TEST_CASE(node_that_has_disks_of_the_partner, Leaving) {
  disk(kTheirs).label->set_owner_node(kAlpha);
  BOOST_TEST(refuses("has disks of beta"));
}

BOOST_FIXTURE_TEST_CASE(node_that_waits, Leaving) {
  state.waiting = true;
  BOOST_TEST(refuses("waits"));
}

BOOST_FIXTURE_TEST_CASE(takeover_or_giveback_at_work, Leaving) {
  for (const auto phase :
       {pb::TakeoverIntent::ANNOUNCED, pb::TakeoverIntent::TAKING, pb::TakeoverIntent::RETURNING}) {
    set_intent(phase);
    BOOST_TEST(refuses("not at its end"));
  }
  set_intent(pb::TakeoverIntent::ENDED);
  BOOST_TEST(plan().vetoes.empty());
}

BOOST_FIXTURE_TEST_CASE(own_disk_that_is_not_held, Leaving) {
  disk(kSecond).reservation.reset();
  BOOST_TEST(refuses("does not own and hold"));
  BOOST_TEST(*veto().disk == kSecond);
  disk(kSecond) = in_service(kSecond, pb::SERVICE, kOwn - 1);
  BOOST_TEST(*veto().disk == kSecond);
}

BOOST_FIXTURE_TEST_CASE(node_without_disks_has_nothing_to_leave, Leaving) {
  survey.disks.erase(survey.disks.begin(), survey.disks.begin() + 3);
  word.slot->set_sees_partner(mailbox_set({}));
  BOOST_TEST(refuses("nothing to leave"));
}

BOOST_FIXTURE_TEST_CASE(partner_that_is_asked_is_one_that_serves, Leaving) {
  BOOST_TEST(against_asking(survey, config, state, word).empty());
  word.slot->set_phase(pb::PHASE_HANDED_OVER);
  BOOST_TEST(against_asking(survey, config, state, word).size() == 1U);
  word.slot->set_phase(pb::PHASE_PAIRED);
  state.waiting = true;
  BOOST_TEST(against_asking(survey, config, state, word).size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(request_names_the_life_that_is_asked, Leaving) {
  BOOST_TEST(!asks_to_leave(*word.slot, state));
  word.slot->mutable_request()->set_id("id");
  word.slot->mutable_request()->set_asked_generation(kOwn - 1);
  BOOST_TEST(!asks_to_leave(*word.slot, state));
  word.slot->mutable_request()->set_asked_generation(kOwn);
  BOOST_TEST(asks_to_leave(*word.slot, state));
}

BOOST_FIXTURE_TEST_CASE(disks_that_are_left_are_taken, Left) {
  BOOST_TEST(life() == kOwn);
  word.slot->set_phase(pb::PHASE_PAIRED);
  BOOST_TEST(life() == 0U);
}

BOOST_FIXTURE_TEST_CASE(disks_of_an_earlier_life_are_not_left, Left) {
  disk(kMailbox).keys.push_back(key_of(kAlpha, kOwn + 1));
  BOOST_TEST(life() == 0U);
  disk(kMailbox).keys.pop_back();
  pb::MailboxSlot later = *word.slot;
  later.set_generation(kOwn + 1);
  later.set_phase(pb::PHASE_LOOKING);
  disk(kMailbox).mailbox[0] = later;
  BOOST_TEST(life() == 0U);
}

BOOST_FIXTURE_TEST_CASE(life_that_was_stopped_leaves_nothing, Left) {
  word.slot->set_presence(pb::GONE);
  BOOST_TEST(life() == 0U);
}

BOOST_FIXTURE_TEST_CASE(newest_word_counts_whether_it_was_heard_or_surveyed, Left) {
  word.slot->set_sequence(5);
  pb::MailboxSlot surveyed = *word.slot;
  surveyed.set_sequence(4);
  surveyed.set_phase(pb::PHASE_PAIRED);
  disk(kMailbox).mailbox[0] = surveyed;
  BOOST_TEST(life() == kOwn);
  surveyed.set_sequence(6);
  surveyed.set_phase(pb::PHASE_CLEAN);
  surveyed.set_presence(pb::GONE);
  disk(kMailbox).mailbox[0] = surveyed;
  BOOST_TEST(life() == 0U);
  word.slot->set_phase(pb::PHASE_PAIRED);
  surveyed.set_phase(pb::PHASE_HANDED_OVER);
  surveyed.clear_presence();
  disk(kMailbox).mailbox[0] = surveyed;
  BOOST_TEST(life() == kOwn);
  word.slot.reset();
  BOOST_TEST(life() == kOwn);
}

// `stop` had kept disks of the partner's, and did not reach this mailbox disk any more later.
BOOST_FIXTURE_TEST_CASE(life_that_was_gone_and_came_back_may_leave, Left) {
  word.slot->set_sequence(5);
  pb::MailboxSlot before = *word.slot;
  before.set_sequence(4);
  before.set_phase(pb::PHASE_CLEAN);
  before.set_presence(pb::GONE);
  disk(kMailbox).mailbox[0] = before;
  BOOST_TEST(life() == kOwn);
  std::swap(*word.slot, before);
  word.slot->set_sequence(6);  // stopped since
  disk(kMailbox).mailbox[0] = before;
  BOOST_TEST(life() == 0U);
}

// The agent of that life goes on until it knows, on a mailbox disk that was not told.
BOOST_FIXTURE_TEST_CASE(life_that_has_left_does_not_take_it_back, Left) {
  pb::MailboxSlot beat = *word.slot;
  beat.set_phase(pb::PHASE_PAIRED);
  for (const std::uint64_t later : {0U, 1U}) {
    beat.set_sequence(word.slot->sequence() + later);
    disk(kMailbox).mailbox[0] = beat;
    BOOST_TEST(life() == kOwn);
  }
}

BOOST_FIXTURE_TEST_CASE(takeover_of_a_partner_that_was_heard_to_leave_needs_no_silence, Left) {
  set_victim(pb::TakeoverIntent::TAKING);
  BOOST_TEST(needs_no_silence(*intent, survey, config, word.slot));
  BOOST_TEST(!needs_no_silence(*intent, survey, config, std::nullopt));
  set_victim(pb::TakeoverIntent::TAKING, kOwn - 1);
  BOOST_TEST(!needs_no_silence(*intent, survey, config, word.slot));
}

BOOST_FIXTURE_TEST_CASE(disks_that_are_all_here_are_not_taken_again, Left) {
  for (const std::size_t number : {kFirst, kSecond}) take(number);
  BOOST_TEST(life() == kOwn);
  take(kSpare);
  BOOST_TEST(life() == 0U);
}

BOOST_FIXTURE_TEST_CASE(takeover_that_was_begun_is_the_intents, Left) {
  for (const auto phase :
       {pb::TakeoverIntent::TAKING, pb::TakeoverIntent::TAKEN, pb::TakeoverIntent::RETURNING}) {
    set_victim(phase);
    BOOST_TEST(life() == 0U);
    set_victim(phase, kOwn - 1);
    BOOST_TEST(life() == kOwn);
  }
  set_victim(pb::TakeoverIntent::ENDED);
  BOOST_TEST(life() == kOwn);
}

BOOST_FIXTURE_TEST_CASE(node_that_does_not_serve_takes_nothing, Left) {
  for (const auto member : {&NodeState::stopped, &NodeState::waiting, &NodeState::handed_over}) {
    state.*member = true;
    BOOST_TEST(life() == 0U);
    state.*member = false;
  }
  disk(kTheirs).label->set_owner_node(kAlpha);
  BOOST_TEST(life() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
