// What stands against a giveback, and which disks go in which order.
#include "agent/protocol/giveback_plan.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/protocol/borrowed.h"

namespace lastword::test {
namespace {

using Disks = std::vector<std::size_t>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(giveback_plan, Borrowed)

BOOST_AUTO_TEST_CASE(nothing_against_it_and_dump_disks_are_apart_from_the_service) {
  const GivebackPlan made = plan();
  BOOST_TEST(made.vetoes.empty());
  BOOST_TEST(made.life == kLife);
  BOOST_TEST(made.dumps == (Disks{kSpare, kDump}), boost::test_tools::per_element());
  BOOST_TEST(made.service == (Disks{kFirst, kSecond}), boost::test_tools::per_element());
  BOOST_TEST(made.can_arm);
  BOOST_TEST(!made.past_return);
}

BOOST_AUTO_TEST_CASE(partner_that_no_mailbox_disk_tells_of) {
  word.slot.reset();
  BOOST_TEST(veto().reason.find("no mailbox disk") != std::string::npos);
  state.mailbox_disks.clear();
  BOOST_TEST(veto().reason.find("no mailbox disk") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(operator_that_tells_the_life_stands_for_a_word_of_the_partner) {
  word = {.slot = {}, .heard = false, .told_life = kLife};
  state.mailbox_disks.clear();
  BOOST_TEST(plan().vetoes.empty());
  BOOST_TEST(plan().life == kLife);
  // A life that is over cannot wait: that of the takeover, or one before.
  word.told_life = kLife - 1;
  BOOST_TEST(veto().reason.find("is over") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(partner_that_is_not_heard) {
  word.heard = false;
  BOOST_TEST(veto().reason.find("not heard") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(partner_whose_later_life_has_not_spoken) {
  disk(kMailbox).keys.push_back(key_of(kAlpha, kLife + 1));
  BOOST_TEST(veto().reason.find("life 9") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(partner_that_does_not_wait) {
  for (const auto phase : {pb::PHASE_UNKNOWN, pb::PHASE_PAIRED, pb::PHASE_LOOKING}) {
    word.slot->set_phase(phase);
    BOOST_TEST(veto().reason.find("does not wait") != std::string::npos);
  }
  word.slot->set_phase(pb::PHASE_STANDING_BY);
  BOOST_TEST(veto().reason.find("standing-by") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(life_that_was_taken_over_gets_nothing_back) {
  word.slot->set_generation(kVictim);
  disk(kMailbox).keys = {state.key, key_of(kAlpha, kVictim)};
  BOOST_TEST(veto().reason == "alpha waits in life 7, from which this node took over");
  BOOST_TEST(veto().remedy ==
             "begin a new life on alpha: `lastword stop`, then `systemctl "
             "start lastword`");
  // The labels tell it, too.
  intent->set_phase(pb::TakeoverIntent::ENDED);
  intent->set_victim_generation(kLife);
  BOOST_TEST(refuses("from which this node took over"));
  // One that was announced only has taken nothing from that life.
  word.slot->set_generation(kLife);
  BOOST_TEST(plan().vetoes.empty());
}

BOOST_AUTO_TEST_CASE(partner_whose_agent_has_ended) {
  for (const auto presence : {pb::PRESENCE_UNKNOWN, pb::AWAY, pb::GONE}) {
    word.slot->set_presence(presence);
    BOOST_TEST(veto().reason.find("agent") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(partner_that_receives_goes_on_with_a_giveback_that_was_begun) {
  word.slot->set_phase(pb::PHASE_RECEIVING);
  BOOST_TEST(refuses("does not wait"));
  intent = next_intent_of(pb::TakeoverIntent::RETURNING);
  BOOST_TEST(plan().vetoes.empty());
  intent = next_intent_of(pb::TakeoverIntent::TAKEN);
  give(kDump);
  BOOST_TEST(plan().vetoes.empty());
}

BOOST_AUTO_TEST_CASE(versions_and_settings_that_differ_are_named) {
  word.slot->set_protocol(kProtocolVersion + 1);
  BOOST_TEST(veto().reason.find("version 2") != std::string::npos);
  word.slot->set_protocol(kProtocolVersion);
  word.slot->mutable_settings()->set_grace_ms(1);
  BOOST_TEST(veto().reason.find("grace") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(partner_that_sees_too_few_disks_or_others) {
  word.slot->set_sees(mailbox_set({uuid_of(0), uuid_of(1), uuid_of(2)}));
  BOOST_TEST(veto().reason.find("sees 3 of its own disks whole, and this node 4") !=
             std::string::npos);
  BOOST_TEST(veto().reason.find(uuid_of(3)) != std::string::npos);
  word.slot->set_sees(mailbox_set({uuid_of(0), uuid_of(1), uuid_of(2), uuid_of(9)}));
  BOOST_TEST(veto().reason.find("other 4 disks") != std::string::npos);
  word.slot->clear_sees();
  BOOST_TEST(veto().reason.find("does not say") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(disks_that_are_back_already_count_among_those_that_the_partner_sees) {
  intent = next_intent_of(pb::TakeoverIntent::RETURNING);
  give(kDump);
  const GivebackPlan made = plan();
  BOOST_TEST(made.vetoes.empty());
  BOOST_TEST(made.dumps == (Disks{kSpare}), boost::test_tools::per_element());
  BOOST_TEST(!made.past_return);
}

BOOST_AUTO_TEST_CASE(disk_that_this_life_does_not_hold) {
  const DiskView held = disk(kFirst);
  hold(disk(kFirst), key_of(kBeta, kOwn - 1));
  BOOST_TEST(*veto().disk == kFirst);
  BOOST_TEST(veto().remedy.find("lastword takeover") != std::string::npos);
  disk(kFirst).keys.clear();
  disk(kFirst).reservation.reset();
  BOOST_TEST(veto().reason.find("nobody holds it") != std::string::npos);
  disk(kFirst) = held;
  disk(kFirst).label->set_owner_node(kAlpha);  // a takeover that stopped before the label
  disk(kFirst).label->set_owner_generation(kVictim);
  BOOST_TEST((veto().kind == Veto::Kind::kHard));
  disk(kFirst) = held;
  hold(disk(kFirst), key_of(kAlpha, kLife));  // and nobody promised it
  BOOST_TEST((veto().kind == Veto::Kind::kHard));
}

BOOST_AUTO_TEST_CASE(dump_that_is_not_saved_is_left_only_by_the_operators_word) {
  for (const auto attribute : {pb::COMPLETED, pb::ABORTED, pb::IN_PROGRESS}) {
    pb::CoredumpHeader& header = disk(kDump).header;
    header.set_attribute(attribute);
    header.set_node(kAlpha);
    header.set_boot_generation(kVictim);
    BOOST_TEST((veto().kind == Veto::Kind::kUnsavedDump));
    BOOST_TEST(*veto().disk == kDump);
    BOOST_TEST(veto().remedy.find("--leave-dump, and alpha recovers it") != std::string::npos);
    config.keep_latest = true;
    BOOST_TEST(veto().remedy.find("--leave-dump, but alpha arms") != std::string::npos);
    config.keep_latest = false;
  }
  disk(kDump).header.set_attribute(pb::SAVED);
  BOOST_TEST(plan().vetoes.empty());
  disk(kDump).problem = Error{.code = Code::kCorrupt};
  BOOST_TEST((veto().kind == Veto::Kind::kUnsavedDump));
}

BOOST_AUTO_TEST_CASE(dump_that_runs_on_a_disk_that_is_back) {
  intent = next_intent_of(pb::TakeoverIntent::RETURNING);
  give(kDump);
  pb::CoredumpHeader& header = disk(kDump).header;
  header.set_node(kAlpha);
  header.set_boot_generation(kLife);
  header.set_attribute(pb::ARMED);
  BOOST_TEST(plan().vetoes.empty());
  header.set_attribute(pb::IN_PROGRESS);
  BOOST_TEST(veto().reason.find("running") != std::string::npos);
  BOOST_TEST((veto().kind == Veto::Kind::kHard));
  header.set_attribute(pb::COMPLETED);
  BOOST_TEST(veto().reason.find("panicked") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(nothing_to_give_back) {
  survey.disks.erase(survey.disks.begin(), survey.disks.begin() + kMailbox);
  BOOST_TEST(veto().reason.find("nothing to give back") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(giveback_of_which_only_the_intent_is_left_has_nothing_against_it) {
  for (const std::size_t number : {kFirst, kSecond, kSpare, kDump}) give(number);
  intent = next_intent_of(pb::TakeoverIntent::RETURNING);
  word.slot->set_phase(pb::PHASE_PAIRED);
  const GivebackPlan made = plan();
  BOOST_TEST(made.vetoes.empty());
  BOOST_TEST((made.dumps.empty() && made.service.empty()));
}

BOOST_AUTO_TEST_CASE(disks_that_are_out_of_sight_are_not_known_to_be_returned) {
  survey.disks.erase(survey.disks.begin(), survey.disks.begin() + kMailbox);
  intent = next_intent_of(pb::TakeoverIntent::RETURNING);
  BOOST_TEST(veto().reason.find("nothing to give back") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(promised_service_disk_is_past_return_whoever_it_was_promised_to) {
  intent = next_intent_of(pb::TakeoverIntent::RETURNING);
  promise(kFirst, kLife - 1);
  BOOST_TEST(plan().past_return);
  BOOST_TEST((whereabouts(disk(kFirst), config, state.key, kLife) == Whereabouts::kHere));
  promise(kFirst);
  BOOST_TEST((whereabouts(disk(kFirst), config, state.key, kLife) == Whereabouts::kPromised));
  hold(disk(kFirst), key_of(kAlpha, kLife));
  BOOST_TEST((whereabouts(disk(kFirst), config, state.key, kLife) == Whereabouts::kOnItsWay));
  BOOST_TEST(plan().past_return);
  BOOST_TEST(plan().vetoes.empty());
  give(kFirst);
  BOOST_TEST((whereabouts(disk(kFirst), config, state.key, kLife) == Whereabouts::kReturned));
  BOOST_TEST(plan().past_return);
  // In a life that is over: the present one takes it anew.
  BOOST_TEST((whereabouts(disk(kFirst), config, state.key, kLife + 1) == Whereabouts::kOnItsWay));
}

BOOST_AUTO_TEST_CASE(disk_that_was_never_taken_over_is_no_sign_of_a_giveback) {
  give(kSecond, kVictim);
  word.slot->set_phase(pb::PHASE_RECEIVING);
  BOOST_TEST(!plan().past_return);
  BOOST_TEST(plan().service == (Disks{kFirst}), boost::test_tools::per_element());
  BOOST_TEST(refuses("does not wait"));
}

BOOST_AUTO_TEST_CASE(clone_that_nobody_holds_is_no_disk_of_the_partner) {
  DiskView clone = disk(kFirst);
  clone.info.path = "/dev/sdx";
  clone.keys.clear();
  clone.reservation.reset();
  survey.disks.push_back(clone);
  BOOST_TEST(plan().vetoes.empty());
  BOOST_TEST(plan().service.size() == 2U);
}

BOOST_AUTO_TEST_CASE(armed_means_by_that_life) {
  BOOST_TEST(!partner_is_armed(survey, config, kLife));
  pb::CoredumpHeader& header = disk(kDump).header;
  header.set_attribute(pb::ARMED);
  header.set_node(kAlpha);
  header.set_boot_generation(kVictim);
  BOOST_TEST(!partner_is_armed(survey, config, kLife));
  header.set_boot_generation(kLife);
  BOOST_TEST(partner_is_armed(survey, config, kLife));
}

BOOST_AUTO_TEST_CASE(life_that_panicked_or_is_over_ends_the_giveback) {
  BOOST_TEST(why_life_ended(survey, config, kLife) == "");
  give(kDump);
  disk(kDump).header.set_attribute(pb::IN_PROGRESS);
  disk(kDump).header.set_node(kAlpha);
  disk(kDump).header.set_boot_generation(kLife);
  BOOST_TEST(why_life_ended(survey, config, kLife).find("panicked") != std::string::npos);
  disk(kMailbox).keys.push_back(key_of(kAlpha, kLife + 1));
  BOOST_TEST(why_life_ended(survey, config, kLife).find("another life, 9") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(life_that_was_taken_over_is_the_intents_or_else_the_labels) {
  BOOST_TEST(life_given_back(survey, config, intent) == kVictim);
  intent->set_victim_generation(kVictim - 1);
  BOOST_TEST(life_given_back(survey, config, intent) == kVictim - 1);
  BOOST_TEST(life_given_back(survey, config, std::nullopt) == kVictim);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
