#include "agent/protocol/mailbox.h"

#include <boost/test/unit_test.hpp>

#include "agent/protocol/start_plan.h"
#include "tests/agent/disks/surveyed.h"
#include "tests/fake/check.h"

namespace lastword::test {
namespace {

struct Sets {
  Sets() { survey.disks = {in_service(0, pb::SERVICE, 7), surveyed(1, pb::MAILBOX, 0)}; }
  // beta, in that life, counts votes by those disks.
  void counts_by(const std::vector<std::string>& uuids, std::uint32_t life) {
    pb::MailboxSlot& slot = survey.disks[1].mailbox[1];
    slot.set_node(kBeta);
    slot.set_generation(life);
    slot.set_mailbox_set(mailbox_set(uuids));
    survey.disks[1].keys = {key_of(kBeta, life)};
  }
  [[nodiscard]] bool confirmed() const {
    return check_mailbox_set(survey, config, {uuid_of(1), uuid_of(2)}).has_value();
  }
  Config config = cluster_config();
  Survey survey;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(mailbox, Sets)

BOOST_AUTO_TEST_CASE(set_is_the_same_in_any_order_and_never_zero) {
  BOOST_TEST(mailbox_set({"a", "b"}) == mailbox_set({"b", "a"}));
  BOOST_TEST(mailbox_set({"a"}) != mailbox_set({"a", "b"}));
  BOOST_TEST(mailbox_set({"a"}) != mailbox_set({"b"}));
  BOOST_TEST(mailbox_set({}) != 0U);
}

BOOST_AUTO_TEST_CASE(both_nodes_must_count_by_the_same_disks) {
  counts_by({uuid_of(2), uuid_of(1)}, 9);
  BOOST_TEST(confirmed());
  counts_by({uuid_of(1)}, 9);
  BOOST_TEST(!confirmed());
  counts_by({}, 9);
  BOOST_TEST(!confirmed());
}

BOOST_AUTO_TEST_CASE(partner_that_never_said_is_a_rival_unless_it_never_lived) {
  survey.disks[1].keys = {key_of(kBeta, 9)};
  BOOST_TEST(!confirmed());
  survey.disks[1].keys.clear();
  BOOST_TEST(confirmed());
}

// Its service would be held back for that disk: the partner, which serves without it, goes on.
BOOST_AUTO_TEST_CASE(node_that_lacks_a_disk_of_its_service_asks_for_none) {
  const std::uint64_t both = mailbox_set({uuid_of(0), uuid_of(2)});
  survey.disks.push_back(surveyed(2, pb::SERVICE));
  BOOST_TEST(disks_in_reach(survey, config) == both);
  DiskView& hidden = survey.disks.back();
  hidden.label_before = std::exchange(hidden.label, std::nullopt);
  BOOST_TEST(disks_in_reach(survey, config) == 0U);
  const std::uint64_t rest = mailbox_set({uuid_of(0)});
  const pb::Label label = *hidden.label_before;
  const auto in_reach_with = [&](auto change) {
    hidden.label_before = label;
    change(*hidden.label_before);
    return disks_in_reach(survey, config);
  };
  BOOST_TEST(in_reach_with([](pb::Label&) {}) == 0U);
  BOOST_TEST(in_reach_with([](pb::Label& one) { one.set_role(pb::SPARE); }) == rest);
  BOOST_TEST(in_reach_with([](pb::Label& one) { one.set_home_node(kBeta); }) == rest);
  BOOST_TEST(in_reach_with([](pb::Label& one) { one.set_cluster_uuid(uuid_of(9)); }) == rest);
  // By another path it is there.
  BOOST_TEST(in_reach_with([](pb::Label& one) { one.set_disk_uuid(uuid_of(0)); }) == rest);
  hidden.label_before = label;
  config.incomplete_service = true;
  BOOST_TEST(disks_in_reach(survey, config) == rest);
}

BOOST_AUTO_TEST_CASE(intent_counts_against_the_life_it_names_and_earlier_ones) {
  pb::MailboxSlot slot;
  slot.set_node(kBeta);
  slot.mutable_intent()->set_victim_node(kAlpha);
  slot.mutable_intent()->set_victim_generation(7);
  for (const auto& [phase, open] : {std::pair{pb::TakeoverIntent::NONE, false},
                                    {pb::TakeoverIntent::TAKING, true},
                                    {pb::TakeoverIntent::TAKEN, true},
                                    {pb::TakeoverIntent::ENDED, false}}) {
    slot.mutable_intent()->set_phase(phase);
    BOOST_TEST(intends_to_take(slot, kAlpha, 7) == open);
    BOOST_TEST(!intends_to_take(slot, kAlpha, 8));
    BOOST_TEST(!intends_to_take(slot, kBeta, 7));
  }
}

BOOST_AUTO_TEST_CASE(set_of_an_earlier_life_confirms_nothing) {
  counts_by({uuid_of(1), uuid_of(2)}, 9);
  survey.disks.push_back(in_service(3, pb::SERVICE, 10, kBeta));
  survey.disks.back().label->set_home_node(kBeta);
  BOOST_TEST(!confirmed());
}

BOOST_AUTO_TEST_CASE(node_that_counts_by_no_disk_is_not_confirmed_where_there_is_one) {
  counts_by({uuid_of(1)}, 9);
  BOOST_TEST(!check_mailbox_set(survey, config, {}).has_value());
  survey.disks.pop_back();
  survey.disks[0].keys.push_back(key_of(kBeta, 9));
  BOOST_TEST(check_mailbox_set(survey, config, {}).has_value());
}

BOOST_AUTO_TEST_CASE(node_that_never_saw_a_mailbox_disk_is_told_by_what_it_heard) {
  const auto check = [this](const std::vector<std::string>& own, std::uint64_t heard) {
    return check_heard_set(survey, config, own, heard);
  };
  BOOST_TEST(fake::fails(check({}, mailbox_set({uuid_of(1)})), Code::kRefused));
  BOOST_TEST(fake::ok(check({}, 0)));
  BOOST_TEST(fake::ok(check({}, mailbox_set({}))));
  // The slots in sight tell: check_mailbox_set().
  BOOST_TEST(fake::ok(check({uuid_of(2)}, mailbox_set({uuid_of(1)}))));
}

BOOST_AUTO_TEST_CASE(node_that_never_saw_a_mailbox_disk_is_told_by_the_partners_labels) {
  const auto label = [this](std::uint32_t life, std::uint64_t set) {
    survey.disks.push_back(in_service(4, pb::SERVICE, life, kBeta));
    survey.disks.back().label->set_home_node(kBeta);
    survey.disks.back().label->set_owner_mailbox_set(set);
  };
  label(9, mailbox_set({uuid_of(1)}));
  BOOST_TEST(set_by_labels(survey, config) == mailbox_set({uuid_of(1)}));
  BOOST_TEST(fake::fails(check_heard_set(survey, config, {}, 0), Code::kRefused));
  BOOST_TEST(fake::ok(check_heard_set(survey, config, {uuid_of(2)}, 0)));
  // A label that does not say it tells nothing; that of a later life is newer.
  label(10, 0);
  BOOST_TEST(fake::fails(check_heard_set(survey, config, {}, 0), Code::kRefused));
  label(11, mailbox_set({}));
  BOOST_TEST(fake::ok(check_heard_set(survey, config, {}, 0)));
  label(9, mailbox_set({uuid_of(1)}));
  BOOST_TEST(fake::ok(check_heard_set(survey, config, {}, 0)));
  // This node's own say nothing of the partner.
  survey.disks.resize(2);
  label(12, mailbox_set({uuid_of(1)}));
  survey.disks.back().label->set_owner_node(kAlpha);
  BOOST_TEST(fake::ok(check_heard_set(survey, config, {}, 0)));
}

// It is written anew when this node joins again.
BOOST_AUTO_TEST_CASE(own_slot_that_is_damaged_costs_neither_the_disk_nor_the_vote) {
  const NodeState state{.boot_generation = 7,
                        .key = key_of(kAlpha, 7),
                        .mailbox_disks = {uuid_of(1)},
                        .mailbox_joined = {uuid_of(1)}};
  DiskView& disk = survey.disks[1];
  disk.reservations_known = true;
  for (const auto& [place, mine] :
       {std::pair{RecordPlace::kMailboxLow, true}, {RecordPlace::kMailboxHigh, false}}) {
    disk.problem =
        Error{.code = Code::kCorrupt, .offset = disk.metadata_offset + slot_offset(place, 0)};
    disk.mailbox_damaged = {mine, !mine};
    BOOST_TEST(find_lost_reservations(survey, config, state).mailbox.size() == (mine ? 1U : 0U));
    BOOST_TEST(majority_is_readable(survey, config, state.mailbox_disks) == mine);
    const auto plan = plan_start(survey, config, state, 7);
    BOOST_TEST_REQUIRE(plan.has_value());
    BOOST_TEST(plan->mailbox.size() == (mine ? 1U : 0U));
  }
}

BOOST_AUTO_TEST_CASE(slots_that_are_both_damaged_tell_either_node_nothing) {
  DiskView& disk = survey.disks[1];
  disk.problem = Error{.code = Code::kCorrupt};
  disk.mailbox_damaged = {true, true};
  for (int node = 0; node < 2; ++node) {
    BOOST_TEST(!tells_of_partner(disk, config));
    std::swap(config.self, config.partner);
  }
}

BOOST_AUTO_TEST_CASE(mailbox_disk_and_its_clone_are_no_two_votes) {
  const std::vector<std::string> counted{uuid_of(1), uuid_of(2), uuid_of(3)};
  survey.disks.push_back(surveyed(2, pb::MAILBOX, 0));
  BOOST_TEST(majority_is_readable(survey, config, counted));
  survey.disks.back().label->set_disk_uuid(uuid_of(1));
  BOOST_TEST(!majority_is_readable(survey, config, counted));
}

BOOST_AUTO_TEST_CASE(last_written_intent_counts_wherever_it_is) {
  survey.disks.push_back(surveyed(2, pb::MAILBOX, 0));
  pb::MailboxSlot slot;
  slot.set_node(kBeta);
  slot.mutable_intent()->set_victim_node(kAlpha);
  slot.mutable_intent()->set_victim_generation(7);
  slot.mutable_intent()->set_phase(pb::TakeoverIntent::TAKING);
  slot.mutable_intent()->set_number(4);
  survey.disks[1].mailbox[1] = slot;
  BOOST_TEST(tells_of_lost_vote(survey, config, 7));
  slot.mutable_intent()->set_phase(pb::TakeoverIntent::ENDED);
  slot.mutable_intent()->set_number(5);
  survey.disks[2].mailbox[1] = slot;
  BOOST_TEST(!tells_of_lost_vote(survey, config, 7));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
