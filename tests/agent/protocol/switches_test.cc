// What operators have forbidden: copies, and what they hold back.
#include "agent/protocol/switches.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::int64_t kNow = 1'000'000;

pb::Switches numbered(std::uint64_t number, bool disable = true) {
  pb::Switches switches;
  switches.mutable_disable()->set_on(disable);
  switches.set_number(number);
  return switches;
}

const MailboxMember kMember{
    .self = {.node = kAlpha, .boot_generation = 7, .key = key_of(kAlpha, 7)}, .mailbox_set = 5};

}  // namespace

BOOST_AUTO_TEST_SUITE(switches)

BOOST_AUTO_TEST_CASE(copy_with_the_highest_number_counts_whichever_disk_has_it) {
  const Config config = cluster_config();
  Survey survey;
  for (unsigned i = 0; i < 3; ++i) survey.disks.push_back(surveyed(i, pb::MAILBOX, 0));
  survey.disks.push_back(surveyed(3, pb::SPARE));
  const std::uint64_t numbers[] = {4, 9, 6, 50};
  for (std::size_t i = 0; i < 4; ++i) {
    survey.disks[i].mailbox[0].set_node(kAlpha);
    *survey.disks[i].mailbox[0].mutable_switches() = numbered(numbers[i]);
  }
  BOOST_TEST(switches_on_disks(survey, config, kAlpha).number() == 9U);
  BOOST_TEST(switches_on_disks(survey, config, kBeta).number() == 0U);
  BOOST_TEST(newer(numbered(3), numbered(4)).number() == 4U);
  BOOST_TEST(newer(numbered(4), numbered(3)).number() == 4U);
}

BOOST_AUTO_TEST_CASE(next_switches_change_one_and_keep_the_other) {
  pb::Switches now = next_switches({}, OperatorSwitch::kDisable, {.on = true});
  now = next_switches(now, OperatorSwitch::kNoTakeover, {.on = true, .until_unix_ms = kNow});
  BOOST_TEST(now.number() == 2U);
  BOOST_TEST(plain(now).disable.on);
  BOOST_TEST(plain(now).no_takeover.on);
  BOOST_TEST(plain(now).no_takeover.until_unix_ms == kNow);
  now = next_switches(now, OperatorSwitch::kDisable, {.on = false, .until_unix_ms = kNow});
  BOOST_TEST(now.number() == 3U);
  BOOST_TEST(!plain(now).disable.on);
  BOOST_TEST(plain(now).disable.until_unix_ms == 0);
  BOOST_TEST(plain(now).no_takeover.on);
}

BOOST_AUTO_TEST_CASE(number_is_beyond_those_of_earlier_lives) {
  constexpr auto kWhich = OperatorSwitch::kDisable;
  pb::Switches of_life_6;
  for (int i = 0; i < 3; ++i) of_life_6 = next_switches(of_life_6, kWhich, {.on = true}, 6);
  // This node was installed anew, and the mailbox disks are out of sight.
  const pb::Switches of_life_7 = next_switches({}, kWhich, {.on = false}, 7);
  BOOST_TEST(of_life_7.number() > of_life_6.number());
}

BOOST_AUTO_TEST_CASE(slot_keeps_all_else_and_never_goes_back) {
  pb::MailboxSlot now;
  now.set_node(kAlpha);
  now.set_generation(6);
  now.set_sequence(40);
  now.mutable_intent()->set_number(3);
  const auto slot = slot_with_switches(now, kMember, numbered(2));
  BOOST_REQUIRE(slot.has_value());
  BOOST_TEST(slot->switches().number() == 2U);
  BOOST_TEST(slot->generation() == 6U);
  BOOST_TEST(slot->sequence() == 40U);
  BOOST_TEST(slot->intent().number() == 3U);
  const auto older = slot_with_switches(*slot, kMember, numbered(1));
  BOOST_REQUIRE(!older);
  BOOST_TEST((older.error().code == Code::kRefused));
  BOOST_TEST(slot_with_switches({}, kMember, numbered(1))->generation() == 7U);
}

BOOST_AUTO_TEST_CASE(heartbeat_brings_the_newest_and_undoes_no_later_order) {
  const Beat beat{.timing = {}, .switches = numbered(5)};
  pb::MailboxSlot slot;
  BOOST_TEST(slot_with_beat(slot, kMember, beat)->switches().number() == 5U);
  *slot.mutable_switches() = numbered(6, false);
  const auto next = slot_with_beat(slot, kMember, beat);
  BOOST_REQUIRE(next.has_value());
  BOOST_TEST(next->switches().number() == 6U);
  BOOST_TEST(!next->switches().disable().on());
}

BOOST_AUTO_TEST_CASE(switches_outlive_the_life_that_wrote_them) {
  pb::MailboxSlot slot;
  slot.set_generation(6);
  *slot.mutable_switches() = numbered(5);
  BOOST_TEST(current_slot(slot, kMember, std::nullopt).switches().number() == 5U);
}

BOOST_AUTO_TEST_CASE(either_nodes_disable_holds_both_and_no_takeover_the_partner_of_who_set_it) {
  const auto held = [](const ClusterSwitches& known) {
    return !why_held_back(known, kNow).empty();
  };
  const pb::Switches disable = next_switches({}, OperatorSwitch::kDisable, {.on = true});
  const pb::Switches no_takeover = next_switches({}, OperatorSwitch::kNoTakeover, {.on = true});
  BOOST_TEST(!held({}));
  BOOST_TEST(held({.own = disable, .peer = {}}));
  BOOST_TEST(held({.own = {}, .peer = disable}));
  BOOST_TEST(held({.own = {}, .peer = no_takeover}));
  BOOST_TEST(!held({.own = no_takeover, .peer = {}}));
}

BOOST_AUTO_TEST_CASE(what_has_expired_holds_nothing) {
  const auto at = [](std::int64_t now) {
    const pb::Switches until =
        next_switches({}, OperatorSwitch::kDisable, {.on = true, .until_unix_ms = kNow});
    return why_held_back({.own = until, .peer = until}, now);
  };
  BOOST_TEST(at(kNow - 1).size() == 2U);
  BOOST_TEST(at(kNow).empty());
  BOOST_TEST(
      describe(at(kNow - 1)).find("`lastword enable` on the partner, or wait until it expires") !=
      std::string::npos);
  BOOST_TEST(describe(Refusals()).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
