// What the watching partner concludes from a survey, and how it then goes about each disk.
#include "agent/protocol/takeover_input.h"

#include <boost/test/unit_test.hpp>

#include "agent/protocol/failure_plan.h"
#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

constexpr std::uint32_t kCrashed = 7;  // boot generation of alpha
constexpr std::uint32_t kOwn = 3;      // of beta, which watches

struct Watching {
  Watching() {
    std::swap(config.self, config.partner);
    BOOST_REQUIRE_EQUAL(config.self.id, kBeta);
  }
  static DiskView alphas(pb::Attribute attribute, std::uint32_t generation = kCrashed) {
    DiskView disk = in_service(0, pb::SPARE, kCrashed);
    disk.header.set_attribute(attribute);
    disk.header.set_node(kAlpha);
    disk.header.set_boot_generation(generation);
    return disk;
  }
  static DiskView taken(std::uint32_t generation = kOwn) {
    return in_service(1, pb::SERVICE, generation, kBeta);
  }
  // Nothing but its key tells of alpha's life.
  static DiskView mailbox(std::uint32_t generation) {
    DiskView disk = surveyed(2, pb::MAILBOX, 0);
    disk.keys = {key_of(kBeta, kOwn), key_of(kAlpha, generation)};
    return disk;
  }

  Config config = cluster_config();
  ReservationKey own = key_of(kBeta, kOwn);
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(failure_watch, Watching)

BOOST_AUTO_TEST_CASE(dump_of_the_partners_current_life_is_a_panic) {
  for (const auto attribute : {pb::IN_PROGRESS, pb::COMPLETED, pb::ABORTED}) {
    BOOST_TEST(has_panicked(alphas(attribute), config, kCrashed));
  }
}

// What served it in that life may write on.
BOOST_AUTO_TEST_CASE(own_disk_with_the_partner_fences_a_life_after_one_that_was_lost) {
  Survey survey;
  survey.disks = {surveyed(0, pb::SERVICE, kBeta), surveyed(1, pb::SERVICE, kAlpha)};
  for (DiskView& disk : survey.disks) {
    disk.reservations_known = true;
    disk.reservation = Reservation{.holder = key_of(kAlpha, kCrashed), .type = kOwnerType};
  }
  NodeState state{.boot_generation = kOwn, .key = own, .waiting = true};
  BOOST_TEST(check_not_fenced(survey, config, state).has_value());
  state.lost = true;
  const auto lost = check_not_fenced(survey, config, state);
  BOOST_REQUIRE(!lost.has_value());
  BOOST_TEST(describe(lost.error()).find("was lost in this boot") != std::string::npos);
  survey.disks.erase(survey.disks.begin());
  BOOST_TEST(check_not_fenced(survey, config, state).has_value());
}

BOOST_AUTO_TEST_CASE(no_dump_is_no_panic) {
  for (const auto attribute : {pb::INACTIVE, pb::ARMED, pb::SAVED}) {
    BOOST_TEST(!has_panicked(alphas(attribute), config, kCrashed));
  }
}

BOOST_AUTO_TEST_CASE(dump_of_an_earlier_life_is_no_panic) {
  BOOST_TEST(!has_panicked(alphas(pb::COMPLETED, kCrashed - 1), config, kCrashed));
}

// Its start could not take the disk, which is as the earlier life left it.
BOOST_AUTO_TEST_CASE(dump_on_a_disk_that_the_partners_later_life_could_not_take_is_no_panic) {
  Survey survey;
  survey.disks = {alphas(pb::COMPLETED), in_service(1, pb::SERVICE, kCrashed)};
  BOOST_TEST(latest_generation(survey, config, kAlpha) == kCrashed);
  for (const auto& back : {in_service(1, pb::SERVICE, kCrashed + 1), mailbox(kCrashed + 1)}) {
    survey.disks[1] = back;
    const std::uint32_t latest = latest_generation(survey, config, kAlpha);
    BOOST_TEST(latest == kCrashed + 1);
    BOOST_TEST(!has_panicked(survey.disks[0], config, latest));
  }
}

BOOST_AUTO_TEST_CASE(dump_of_another_cluster_is_no_panic) {
  DiskView disk = alphas(pb::IN_PROGRESS);
  disk.label->set_cluster_uuid("11111111-2222-4333-8444-555555555555");
  BOOST_TEST(!has_panicked(disk, config, kCrashed));
}

BOOST_AUTO_TEST_CASE(newer_header_counts_an_older_one_does_not) {
  DiskView disk = alphas(pb::INACTIVE);
  disk.header_sequence = 4;
  update_header(disk, {.header = alphas(pb::ARMED).header, .sequence = 5});
  BOOST_TEST(disk.header.attribute() == pb::ARMED);
  update_header(disk, {.header = alphas(pb::INACTIVE).header, .sequence = 4});
  BOOST_TEST(disk.header.attribute() == pb::ARMED);
  update_header(disk, {.header = fail({.code = Code::kTimeout}), .sequence = 0});
  BOOST_TEST(disk.problem.has_value());
  BOOST_TEST(disk.header.attribute() == pb::ARMED);
  update_header(disk, {.header = alphas(pb::IN_PROGRESS).header, .sequence = 6});
  BOOST_TEST(!disk.problem.has_value());
  BOOST_TEST(has_panicked(disk, config, kCrashed));
}

BOOST_AUTO_TEST_CASE(survey_that_reads_older_or_nothing_forgets_no_header) {
  Survey known;
  known.disks = {alphas(pb::ARMED)};
  known.disks[0].header_sequence = 5;
  Survey older = known;
  older.disks[0].header_sequence = 4;
  older.disks[0].header.Clear();
  Survey unreadable = known;
  unreadable.disks[0].header_sequence = 0;
  unreadable.disks[0].header.Clear();
  unreadable.disks[0].problem = Error{.code = Code::kTimeout, .operation = "survey"};
  for (Survey fresh : {older, unreadable}) {
    const bool problem = fresh.disks[0].problem.has_value();
    keep_newer_headers(fresh, known);
    BOOST_TEST(fresh.disks[0].header_sequence == 5U);
    BOOST_TEST(fresh.disks[0].header.attribute() == pb::ARMED);
    BOOST_TEST(fresh.disks[0].problem.has_value() == problem);
  }
}

BOOST_AUTO_TEST_CASE(survey_that_reads_newer_or_another_disk_owes_nothing_to_the_last_one) {
  Survey known;
  known.disks = {alphas(pb::ARMED)};
  known.disks[0].header_sequence = 5;
  Survey newer = known;
  newer.disks[0] = alphas(pb::IN_PROGRESS);
  newer.disks[0].header_sequence = 6;
  keep_newer_headers(newer, known);
  BOOST_TEST(newer.disks[0].header.attribute() == pb::IN_PROGRESS);
  Survey relabelled = known;
  relabelled.disks[0] = surveyed(7, pb::SPARE);
  relabelled.disks[0].info.path = known.disks[0].info.path;
  relabelled.disks[0].header_sequence = 1;
  keep_newer_headers(relabelled, known);
  BOOST_TEST(relabelled.disks[0].header.attribute() == pb::INACTIVE);
}

BOOST_AUTO_TEST_CASE(disk_of_ones_own_that_the_partner_holds_tells_of_its_takeover) {
  Survey survey;
  survey.disks = {alphas(pb::ARMED), taken()};
  BOOST_TEST(!partner_has_taken_over(survey, config));
  survey.disks[1] = in_service(1, pb::SERVICE, kCrashed);
  survey.disks[1].label->set_home_node(kBeta);
  BOOST_TEST(partner_has_taken_over(survey, config));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(take_orders, Watching)

BOOST_AUTO_TEST_CASE(spare_the_partners_later_life) {
  const TakeOrder order = take_order(alphas(pb::ARMED), config, own, pb::REASON_NONE);
  BOOST_REQUIRE(order.goal.victim_node.has_value());
  BOOST_TEST(*order.goal.victim_node == kAlpha);
  BOOST_REQUIRE(order.goal.victim_generation.has_value());
  BOOST_TEST(*order.goal.victim_generation == kCrashed);
}

// Its start is at work: this label is of the new life already, the one with the dump not yet.
BOOST_AUTO_TEST_CASE(spare_every_life_but_the_one_that_panicked) {
  const DiskView back = in_service(0, pb::SERVICE, kCrashed + 1);
  const auto order = take_order(back, config, own, pb::REASON_NONE, kCrashed);
  BOOST_REQUIRE(order.goal.victim_generation.has_value());
  BOOST_TEST(*order.goal.victim_generation == kCrashed);
}

BOOST_AUTO_TEST_CASE(know_the_partners_last_life_from_a_disk_that_it_does_not_own) {
  for (const std::uint32_t owner : {0U, std::uint32_t{kBeta}}) {
    DiskView disk = alphas(pb::INACTIVE);
    disk.label->set_owner_node(owner);
    disk.label->set_owner_generation(owner == 0 ? 0 : kOwn);
    const auto order = take_order(disk, config, own, pb::REASON_NONE);
    BOOST_REQUIRE(order.goal.victim_generation.has_value());
    BOOST_TEST(*order.goal.victim_generation == kCrashed);
  }
  DiskView never_started = surveyed(0, pb::SPARE);
  BOOST_TEST(!take_order(never_started, config, own, pb::REASON_NONE).goal.victim_generation);
}

// alpha took a disk of beta's and ended before its label said so.
BOOST_AUTO_TEST_CASE(take_a_disk_of_ones_own_that_the_partner_holds) {
  DiskView disk = in_service(1, pb::SERVICE, kOwn - 1, kBeta);
  disk.label->set_home_node(kBeta);
  disk.label->set_home_generation(kOwn - 1);
  Survey survey;
  survey.disks = {disk};
  BOOST_TEST(partner_disks(survey, config).empty());
  survey.disks[0].reservations_known = true;
  survey.disks[0].keys = {key_of(kAlpha, kCrashed)};
  survey.disks[0].reservation = Reservation{.holder = key_of(kAlpha, kCrashed), .type = kOwnerType};
  BOOST_TEST(partner_disks(survey, config).size() == 1U);
  const auto order = take_order(survey.disks[0], config, own, pb::REASON_NONE);
  BOOST_REQUIRE(order.goal.victim_generation.has_value());
  BOOST_TEST(*order.goal.victim_generation == kCrashed);
}

BOOST_AUTO_TEST_CASE(believe_a_survey_only_while_it_is_recent) {
  DiskView disk = alphas(pb::ARMED);
  BOOST_TEST(!take_order(disk, config, own, pb::REASON_NONE).seen.has_value());
  disk.reservations_known = true;
  BOOST_TEST(take_order(disk, config, own, pb::REASON_NONE).seen.has_value());
  disk.reservations_known = false;
  BOOST_TEST(!take_order(disk, config, own, pb::REASON_NONE).seen.has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(takeover_disks, Watching)

BOOST_AUTO_TEST_CASE(are_the_partners_by_home_or_by_owner_and_no_mailbox) {
  Survey survey;
  survey.disks = {in_service(0, pb::SERVICE, kCrashed), taken(), surveyed(2, pb::MAILBOX),
                  surveyed(3, pb::SPARE, kBeta)};
  DiskView borrowed = surveyed(4, pb::SERVICE, kBeta);
  borrowed.label->set_owner_node(kAlpha);
  survey.disks.push_back(borrowed);
  std::vector<std::string> paths;
  for (const auto& disk : partner_disks(survey, config)) paths.push_back(disk.info.path);
  BOOST_TEST(paths == (std::vector<std::string>{"/dev/sda", "/dev/sdb", "/dev/sde"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(are_of_two_with_one_label_the_one_that_is_held_in_either_order) {
  DiskView held = in_service(0, pb::SPARE, kCrashed);
  DiskView clone = held;
  clone.info.path = "/dev/sdz";
  clone.keys.clear();
  clone.reservation.reset();
  for (const bool clone_first : {true, false}) {
    Survey survey;
    survey.disks = clone_first ? std::vector{clone, held} : std::vector{held, clone};
    BOOST_REQUIRE(partner_disks(survey, config).size() == 1U);
    BOOST_TEST(partner_disks(survey, config)[0].info.path == "/dev/sda");
    BOOST_TEST(dump_places(survey, config) == (std::vector<std::size_t>{clone_first ? 1U : 0U}),
               boost::test_tools::per_element());
    BOOST_REQUIRE(unheld_copies(survey, config).size() == 1U);
    BOOST_TEST(unheld_copies(survey, config)[0].info.path == "/dev/sdz");
  }
  Survey alone;
  alone.disks = {clone};  // no copy of anything in sight
  BOOST_TEST(partner_disks(alone, config).size() == 1U);
}

BOOST_AUTO_TEST_CASE(are_judged_by_the_life_that_failed_not_by_their_own_label) {
  Survey survey;
  survey.disks = {alphas(pb::COMPLETED), in_service(1, pb::SERVICE, kCrashed + 1)};
  const auto input =
      as_plan_input(partner_disks(survey, config), config, life_taken_over(survey, {}, config));
  BOOST_REQUIRE(input.size() == 2U);
  BOOST_TEST(input[0].generation == kCrashed + 1);
  BOOST_TEST(life_taken_over(survey, kCrashed, config) == kCrashed);
  BOOST_TEST(!input[1].later_life);
  const auto of_crash = as_plan_input(partner_disks(survey, config), config, kCrashed);
  BOOST_TEST(!of_crash[0].later_life);
  BOOST_TEST(of_crash[1].later_life);
}

// It had given the disk back since, and the partner has panicked.
BOOST_AUTO_TEST_CASE(
    are_not_held_by_this_node_where_a_header_is_newer_than_the_look_at_the_holder) {
  DiskView held = alphas(pb::ARMED);
  held.reservation = Reservation{.holder = own, .type = kOwnerType};
  BOOST_TEST(as_plan_input({held}, config, kCrashed)[0].mine_already);
  update_header(held, {.header = held.header, .sequence = held.header_sequence});
  BOOST_TEST(as_plan_input({held}, config, kCrashed)[0].mine_already);
  update_header(held,
                {.header = alphas(pb::IN_PROGRESS).header, .sequence = held.header_sequence + 1});
  BOOST_TEST(!as_plan_input({held}, config, kCrashed)[0].mine_already);
}

BOOST_AUTO_TEST_CASE(that_may_hold_its_dump_are_its_spares_and_dump_disks) {
  Survey survey;
  survey.disks = {surveyed(0, pb::SERVICE), surveyed(1, pb::SPARE), surveyed(2, pb::DUMP),
                  surveyed(3, pb::MAILBOX), surveyed(4, pb::SPARE, kBeta)};
  BOOST_TEST(dump_places(survey, config) == (std::vector<std::size_t>{1, 2}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(that_become_readable_late_are_taken_then) {
  Survey survey;
  survey.disks = {in_service(0, pb::SERVICE, kCrashed), surveyed(1, pb::SERVICE)};
  survey.disks[1].label.reset();
  survey.disks[1].problem = Error{.code = Code::kTimeout, .operation = "survey"};
  BOOST_TEST(unreadable_disks(survey).size() == 1U);
  const std::set<std::string> had{survey.disks[0].label->disk_uuid()};
  BOOST_TEST(late_disks(survey, config, NodeState(), had).empty());
  survey.disks[1] = in_service(1, pb::SERVICE, kCrashed);
  BOOST_TEST(unreadable_disks(survey).empty());
  BOOST_REQUIRE(late_disks(survey, config, NodeState(), had).size() == 1U);
  BOOST_TEST(late_disks(survey, config, NodeState(), had)[0].info.path == "/dev/sdb");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
