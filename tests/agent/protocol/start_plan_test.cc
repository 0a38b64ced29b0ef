#include "agent/protocol/start_plan.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

struct Start {
  Result<StartPlan> plan(const std::optional<NodeState>& state = std::nullopt) {
    return plan_start(survey, config, state, last_generation);
  }
  std::optional<std::uint32_t> last_generation;
  Config config = cluster_config();
  Survey survey;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(start, Start)

BOOST_AUTO_TEST_CASE(first_boot_is_generation_1) {
  survey.disks = {surveyed(0, pb::SERVICE), surveyed(1, pb::SPARE), surveyed(2, pb::DUMP),
                  surveyed(3, pb::MAILBOX, 0), surveyed(4, pb::SERVICE, kBeta)};
  const auto planned = plan();
  BOOST_REQUIRE(planned);
  BOOST_TEST(planned->boot_generation == 1U);
  BOOST_TEST((planned->own == std::vector<std::size_t>{0, 1, 2}));
  BOOST_TEST((planned->mailbox == std::vector<std::size_t>{3}));
  BOOST_TEST(planned->refused.empty());
}

BOOST_AUTO_TEST_CASE(generation_follows_the_highest_that_any_disk_tells_of_where_the_note_is_lost) {
  survey.disks = {in_service(0, pb::SERVICE, 4), surveyed(1, pb::MAILBOX, 0)};
  BOOST_TEST(plan()->boot_generation == 4 + kLivesWithoutTrace + 1);
  survey.disks[1].keys = {key_of(kBeta, 40), key_of(kAlpha, 8), {0xdeadbeef}};
  BOOST_TEST(plan()->boot_generation == 8 + kLivesWithoutTrace + 1);
  survey.disks[0].header.set_node(kAlpha);
  survey.disks[0].header.set_boot_generation(11);
  BOOST_TEST(plan()->boot_generation == 11 + kLivesWithoutTrace + 1);
}

// Its only trace may be on a mailbox disk that is out of sight, with an order against that life.
BOOST_AUTO_TEST_CASE(first_number_is_not_given_where_a_mailbox_disk_is_hidden) {
  DiskView partners = in_service(4, pb::SERVICE, 9, kBeta);
  partners.label->set_home_node(kBeta);
  partners.label->set_owner_mailbox_set(mailbox_set({uuid_of(3)}));
  last_generation = 0;
  survey.disks = {surveyed(0, pb::SERVICE), surveyed(3, pb::MAILBOX, 0), partners};
  BOOST_TEST(plan()->boot_generation == 1U);
  survey.disks[1].problem = Error{.code = Code::kTimeout};
  BOOST_TEST(plan()->boot_generation == kLivesWithoutTrace + 1);
  survey.disks.erase(survey.disks.begin() + 1);
  BOOST_TEST(plan()->boot_generation == kLivesWithoutTrace + 1);
  last_generation = 2;  // a node that remembers
  BOOST_TEST(plan()->boot_generation == 3U);
}

// The life after the first time waited: nothing but the partner's memory tells of it.
BOOST_AUTO_TEST_CASE(note_that_is_lost_twice_gives_no_number_twice) {
  survey.disks = {in_service(0, pb::SERVICE, 4)};
  constexpr std::int64_t kFirst = 1'800'000'000'000;
  const auto first = plan_start(survey, config, std::nullopt, std::nullopt, true, kFirst);
  const auto second = plan_start(survey, config, std::nullopt, std::nullopt, true, kFirst + 30'000);
  BOOST_TEST_REQUIRE((first && second));
  BOOST_TEST(first->boot_generation > 4 + kLivesWithoutTrace);
  BOOST_TEST(second->boot_generation > first->boot_generation);
}

BOOST_AUTO_TEST_CASE(generation_follows_the_nodes_own_note_where_the_disks_know_less) {
  survey.disks = {in_service(0, pb::SERVICE, 4)};
  last_generation = 6;
  BOOST_TEST(plan()->boot_generation == 7U);
}

BOOST_AUTO_TEST_CASE(machine_that_never_was_this_node_does_not_pass_for_it) {
  survey.disks = {in_service(0, pb::SERVICE, 4)};
  for (const std::uint32_t noted : {0U, 3U}) {
    last_generation = noted;
    const auto planned = plan();
    BOOST_REQUIRE(!planned);
    BOOST_TEST((planned.error().code == Code::kRefused));
    BOOST_TEST(describe(planned.error()).find("--reinstalled") != std::string::npos);
  }
  last_generation = 4;
  BOOST_TEST(plan()->boot_generation == 5U);
  last_generation.reset();  // --reinstalled
  BOOST_TEST(plan()->boot_generation == 4 + kLivesWithoutTrace + 1);
}

BOOST_AUTO_TEST_CASE(same_boot_keeps_its_generation) {
  survey.disks = {in_service(0, pb::SERVICE, 4)};
  const auto planned = plan(NodeState{.boot_generation = 4, .key = key_of(kAlpha, 4)});
  BOOST_REQUIRE(planned);
  BOOST_TEST(planned->boot_generation == 4U);
  BOOST_TEST(planned->own.size() == 1U);
}

namespace {

// The partner has begun to take over from alpha's life.
pb::MailboxSlot intent_against(std::uint32_t life) {
  pb::MailboxSlot slot;
  slot.set_node(kBeta);
  slot.mutable_intent()->set_phase(pb::TakeoverIntent::TAKING);
  slot.mutable_intent()->set_victim_node(kAlpha);
  slot.mutable_intent()->set_victim_generation(life);
  return slot;
}

}  // namespace

// The partner removed this node's key from the mailbox disk; "stop, start" is the advice.
BOOST_AUTO_TEST_CASE(start_after_a_stop_that_left_a_disk_behind_is_a_new_life) {
  survey.disks = {in_service(0, pb::SERVICE, 4), surveyed(1, pb::MAILBOX, 0)};
  survey.disks[1].keys = {key_of(kBeta, 9)};
  survey.disks[1].mailbox[1] = intent_against(4);
  last_generation = 4;
  const NodeState state{
      .boot_generation = 4, .key = key_of(kAlpha, 4), .mailbox_joined = {uuid_of(1)}};
  BOOST_TEST(plan(state)->mailbox.empty());
  const auto planned = plan(std::nullopt);
  BOOST_REQUIRE(planned);
  BOOST_TEST(planned->boot_generation == 5U);
  BOOST_TEST(planned->mailbox.size() == 1U);
  // beta may be slow, and still take what the life before had.
  BOOST_TEST(planned->waits);
  BOOST_TEST(planned->own.empty());
  const auto alone = plan_start(survey, config, std::nullopt, last_generation, false);
  BOOST_REQUIRE(alone);
  BOOST_TEST(!alone->waits);
  BOOST_TEST(alone->own.size() == 1U);
}

BOOST_AUTO_TEST_CASE(later_generation_than_this_boots_is_refused) {
  survey.disks = {in_service(0, pb::SERVICE, 6)};
  const auto planned = plan(NodeState{.boot_generation = 4, .key = key_of(kAlpha, 4)});
  BOOST_REQUIRE(!planned);
  BOOST_TEST((planned.error().code == Code::kRefused));
}

BOOST_AUTO_TEST_CASE(generation_does_not_wrap) {
  survey.disks = {in_service(0, pb::SERVICE, kMaxBootGeneration)};
  BOOST_TEST(!plan());
}

BOOST_AUTO_TEST_CASE(one_disk_held_by_partner_stops_all) {
  survey.disks = {in_service(0, pb::SERVICE, 4), in_service(1, pb::SPARE, 4)};
  survey.disks[1].reservation->holder = key_of(kBeta, 9);
  const auto planned = plan();
  BOOST_REQUIRE(planned);
  BOOST_REQUIRE(planned->taken_over.size() == 1U);
  BOOST_TEST(planned->taken_over[0].disk == 1U);
  BOOST_TEST(planned->taken_over[0].text.find("beta") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(label_of_partner_counts_where_the_reservation_cannot_be_read) {
  survey.disks = {in_service(0, pb::SERVICE, 4)};
  survey.disks[0].label->set_owner_node(kBeta);
  survey.disks[0].reservation.reset();
  survey.disks[0].scsi_problem = Error{.code = Code::kTimeout};
  BOOST_TEST(plan()->taken_over.size() == 1U);
}

BOOST_AUTO_TEST_CASE(partner_holding_its_own_and_mailbox_disks_is_no_takeover) {
  survey.disks = {surveyed(0, pb::SERVICE), surveyed(1, pb::SERVICE, kBeta),
                  surveyed(2, pb::MAILBOX, 0)};
  for (std::size_t i : {1U, 2U}) {
    survey.disks[i].reservation = Reservation{.holder = key_of(kBeta, 9), .type = kOwnerType};
  }
  BOOST_TEST(plan()->taken_over.empty());
  BOOST_TEST(plan()->own.size() == 1U);
}

// Both nodes could win otherwise: the one whose turn it was may be slow, not dead.
BOOST_AUTO_TEST_CASE(vote_that_was_lost_in_this_life_is_not_won_back_by_starting_again) {
  survey.disks = {in_service(0, pb::SERVICE, 4), surveyed(1, pb::MAILBOX, 0)};
  survey.disks[1].keys = {key_of(kBeta, 9)};
  survey.disks[1].mailbox[1] = intent_against(4);
  NodeState state{.boot_generation = 4, .key = key_of(kAlpha, 4), .mailbox_joined = {uuid_of(1)}};
  const auto planned = plan(state);
  BOOST_REQUIRE(planned);
  BOOST_TEST(planned->mailbox.empty());
  BOOST_TEST(planned->own.size() == 1U);
  BOOST_REQUIRE(planned->refused.size() == 1U);
  BOOST_TEST(planned->refused[0].text.find("lastword stop") != std::string::npos);
  // Not lost: still registered; or the target forgot this node, and the partner joined again; or a
  // new life.
  survey.disks[1].keys = {key_of(kBeta, 9), key_of(kAlpha, 4)};
  BOOST_TEST(plan(state)->mailbox.size() == 1U);
  survey.disks[1].mailbox[1] = intent_against(3);
  for (const std::vector<ReservationKey>& keys :
       {std::vector<ReservationKey>{}, {key_of(kBeta, 9)}}) {
    survey.disks[1].keys = keys;
    BOOST_TEST(plan(state)->mailbox.size() == 1U);
  }
  survey.disks[1].mailbox[1] = intent_against(4);
  survey.disks[1].keys = {key_of(kBeta, 9)};
  BOOST_TEST(plan()->mailbox.size() == 1U);
}

BOOST_AUTO_TEST_CASE(mailbox_disk_that_came_later_is_joined) {
  survey.disks = {in_service(0, pb::SERVICE, 4), surveyed(1, pb::MAILBOX, 0)};
  survey.disks[1].keys = {key_of(kBeta, 9)};
  BOOST_TEST(plan(NodeState{.boot_generation = 4, .key = key_of(kAlpha, 4)})->mailbox.size() == 1U);
}

BOOST_AUTO_TEST_CASE(mailbox_disk_and_its_clone_are_not_joined) {
  survey.disks = {surveyed(0, pb::MAILBOX, 0), surveyed(1, pb::MAILBOX, 0),
                  surveyed(2, pb::MAILBOX, 0)};
  survey.disks[2].label->set_disk_uuid(uuid_of(0));
  const auto planned = plan();
  BOOST_REQUIRE(planned);
  BOOST_TEST((planned->mailbox == std::vector<std::size_t>{1}));
  BOOST_TEST(planned->refused.size() == 2U);
}

BOOST_AUTO_TEST_CASE(of_a_disk_and_its_clone_only_the_one_that_is_held_is_taken) {
  survey.disks = {surveyed(0, pb::SERVICE), in_service(1, pb::SERVICE, 4)};
  survey.disks[1].label->set_disk_uuid(uuid_of(0));
  const auto planned = plan();
  BOOST_REQUIRE(planned);
  BOOST_TEST((planned->own == std::vector<std::size_t>{1}));
  BOOST_REQUIRE(planned->refused.size() == 1U);
  BOOST_TEST(planned->refused[0].text.find("clone") != std::string::npos);
  // Nothing tells which is the right one.
  survey.disks[1].reservation.reset();
  survey.disks[1].keys.clear();
  BOOST_TEST(plan()->own.empty());
  BOOST_TEST(plan()->refused.size() == 2U);
}

BOOST_AUTO_TEST_CASE(unknown_key_refuses_that_disk_and_is_named) {
  survey.disks = {surveyed(0, pb::SERVICE), surveyed(1, pb::SERVICE)};
  survey.disks[0].reservation = Reservation{.holder = {0xdeadbeef}, .type = kOwnerType};
  const auto planned = plan();
  BOOST_REQUIRE(planned);
  BOOST_REQUIRE(planned->refused.size() == 1U);
  BOOST_TEST(planned->refused[0].text.find("deadbeef") != std::string::npos);
  BOOST_TEST((planned->own == std::vector<std::size_t>{1}));
}

BOOST_AUTO_TEST_CASE(sick_disk_is_reported_and_the_others_are_taken) {
  survey.disks = {surveyed(0, pb::SERVICE), surveyed(1, pb::SERVICE), DiskView(), DiskView()};
  survey.disks[0].scsi_problem = Error{.code = Code::kTimeout};
  survey.disks[2].problem = Error{.code = Code::kIo};  // whose it is cannot be read
  const auto planned = plan();
  BOOST_TEST(planned->refused.size() == 2U);
  BOOST_TEST((planned->own == std::vector<std::size_t>{1}));
}

BOOST_AUTO_TEST_CASE(disk_of_another_cluster_is_none_of_ours) {
  survey.disks = {surveyed(0, pb::SERVICE)};
  survey.disks[0].label->set_cluster_uuid("11111111-1111-4111-8111-111111111111");
  survey.disks[0].label->set_home_generation(77);
  const auto planned = plan();
  BOOST_TEST(planned->own.empty());
  BOOST_TEST(planned->boot_generation == 1U);
}

BOOST_AUTO_TEST_CASE(registrant_of_neither_node_is_named_and_keeps_no_disk_out_of_service) {
  survey.disks = {in_service(0, pb::SERVICE, 3), surveyed(1, pb::MAILBOX, 0)};
  const ReservationKey stranger{0xdeadbeef};
  survey.disks[0].keys.push_back(stranger);
  survey.disks[0].keys.push_back(key_of(kBeta, 2));
  survey.disks[1].keys = {key_of(kBeta, 2), key_of(9, 1), key_of(9, 1)};
  BOOST_TEST((foreign_registrants(survey.disks[0], config) == std::vector{stranger}));
  BOOST_TEST((foreign_registrants(survey.disks[1], config) == std::vector{key_of(9, 1)}));
  const auto plan = plan_start(survey, config, {}, 3);
  BOOST_TEST_REQUIRE(plan.has_value());
  BOOST_TEST(plan->own.size() == 1U);
  BOOST_TEST(plan->mailbox.size() == 1U);
  BOOST_TEST_REQUIRE(plan->remarks.size() == 2U);
  BOOST_TEST(plan->remarks[0].text.find(to_string(stranger)) != std::string::npos);
  BOOST_TEST(plan->remarks[1].text.find(to_string(key_of(9, 1))) != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
