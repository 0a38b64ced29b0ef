// The partner's disks that can be read only after its takeover has begun.
#include "agent/takeover/late_plan.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

using Paths = std::vector<std::string>;

constexpr std::uint32_t kLife = 4;  // of beta

DiskView unreadable(unsigned number) {
  DiskView disk = surveyed(number, pb::SERVICE);
  disk.label.reset();
  disk.problem = Error{.code = Code::kTimeout, .operation = "survey"};
  return disk;
}

Survey survey_of(std::vector<DiskView> disks) {
  return {.disks = std::move(disks)};
}

Paths paths_of(const std::vector<DiskView>& disks) {
  Paths paths;
  for (const DiskView& disk : disks) paths.push_back(disk.info.path);
  return paths;
}

// beta takes over from alpha.
struct Late {
  Late() { std::swap(config.self, config.partner); }
  Config config = cluster_config();
  NodeState state{.boot_generation = kLife, .key = key_of(kBeta, kLife)};
};

}  // namespace

#define CHECK_PATHS(actual, ...) \
  BOOST_TEST(paths_of(actual) == (Paths __VA_ARGS__), boost::test_tools::per_element())

BOOST_FIXTURE_TEST_SUITE(late_plan, Late)

BOOST_AUTO_TEST_CASE(nothing_is_looked_at_again_when_all_could_be_read) {
  const LatePlan late(config, state, survey_of({surveyed(0, pb::SERVICE), surveyed(1, pb::SPARE)}));
  BOOST_TEST(!late.wants_look());
  BOOST_TEST(late.nothing_is_late());
}

BOOST_AUTO_TEST_CASE(service_disk_is_taken_once_as_soon_as_it_can_be_read) {
  LatePlan late(config, state, survey_of({surveyed(0, pb::SERVICE), unreadable(1), unreadable(2)}));
  BOOST_TEST(late.wants_look());
  CHECK_PATHS(late.service_in(survey_of({surveyed(0, pb::SERVICE), unreadable(1), unreadable(2)})),
              {});
  BOOST_TEST(late.wants_look());
  const Survey second =
      survey_of({surveyed(0, pb::SERVICE), surveyed(1, pb::SERVICE), unreadable(2)});
  CHECK_PATHS(late.service_in(second), {"/dev/sdb"});
  CHECK_PATHS(late.service_in(second), {});
  const Survey third =
      survey_of({surveyed(0, pb::SERVICE), surveyed(1, pb::SERVICE), surveyed(2, pb::SERVICE)});
  CHECK_PATHS(late.service_in(third), {"/dev/sdc"});
  BOOST_TEST(!late.wants_look());
  BOOST_TEST(!late.nothing_is_late());
  CHECK_PATHS(late.rest_in(third), {});
  TakeoverReport report{.disks = {}, .obstacles = {}, .complete = true};
  late.report_unreadable(report);
  BOOST_TEST(report.complete);
}

BOOST_AUTO_TEST_CASE(spare_that_the_dump_may_have_turned_to_waits_for_the_rest) {
  for (const pb::Role role : {pb::SPARE, pb::DUMP}) {
    LatePlan late(config, state, survey_of({surveyed(0, pb::SERVICE), unreadable(1)}));
    const Survey later = survey_of({surveyed(0, pb::SERVICE), surveyed(1, role)});
    CHECK_PATHS(late.service_in(later), {});
    CHECK_PATHS(late.rest_in(later), {"/dev/sdb"});
  }
}

BOOST_AUTO_TEST_CASE(disk_that_no_look_can_read_is_reported) {
  const Survey survey = survey_of({surveyed(0, pb::SERVICE), unreadable(1)});
  LatePlan late(config, state, survey);
  CHECK_PATHS(late.rest_in(survey), {});
  TakeoverReport report{.disks = {}, .obstacles = {}, .complete = true};
  late.report_unreadable(report);
  BOOST_TEST(!report.complete);
  BOOST_REQUIRE(report.disks.size() == 1U);
  BOOST_TEST(report.disks[0].outcome == "not readable");
}

BOOST_AUTO_TEST_CASE(disk_that_turns_out_to_be_this_nodes_own_is_left_alone) {
  LatePlan late(config, state, survey_of({surveyed(0, pb::SERVICE), unreadable(1)}));
  const Survey later = survey_of({surveyed(0, pb::SERVICE), surveyed(1, pb::SERVICE, kBeta)});
  CHECK_PATHS(late.service_in(later), {});
  CHECK_PATHS(late.rest_in(later), {});
}

// It was unreadable when the takeover began; the partner has taken it from this node meanwhile.
BOOST_AUTO_TEST_CASE(disk_of_this_nodes_own_that_the_partner_has_is_not_taken_back) {
  const Late late;
  LatePlan plan(late.config, late.state, survey_of({unreadable(0)}));
  DiskView own = in_service(0, pb::SERVICE, 7);
  own.label->set_home_node(kBeta);
  BOOST_TEST(plan.service_in(survey_of({own})).empty());
  BOOST_TEST(plan.rest_in(survey_of({own})).empty());
}

namespace {

DiskView unreadable_known(unsigned number, pb::Role role, std::uint8_t home = kAlpha) {
  DiskView disk = unreadable(number);
  disk.label_before = surveyed(number, role, home).label;
  return disk;
}

}  // namespace

BOOST_AUTO_TEST_CASE(disk_that_is_known_not_to_be_the_partners_is_not_waited_for) {
  DiskView foreign = unreadable_known(1, pb::SERVICE);
  foreign.label_before->set_cluster_uuid(uuid_of(9));
  for (const DiskView& disk :
       {unreadable_known(1, pb::MAILBOX, 0), unreadable_known(1, pb::SERVICE, kBeta), foreign}) {
    const LatePlan late(config, state, survey_of({surveyed(0, pb::SERVICE), disk}));
    BOOST_TEST(!late.wants_look());
    BOOST_TEST(late.nothing_is_late());
    BOOST_TEST(late.expected_service().empty());
    TakeoverReport report{.disks = {}, .obstacles = {}, .complete = true};
    late.report_unreadable(report);
    BOOST_TEST(report.complete);
    BOOST_TEST(report.disks.empty());
  }
}

BOOST_AUTO_TEST_CASE(disk_that_is_known_to_be_the_partners_is_waited_for) {
  for (const pb::Role role : {pb::SERVICE, pb::DUMP, pb::SPARE}) {
    LatePlan late(config, state, survey_of({surveyed(0, pb::SERVICE), unreadable_known(1, role)}));
    BOOST_TEST(late.wants_look());
    BOOST_TEST(!late.nothing_is_late());
    BOOST_TEST(late.expected_service().size() == (role == pb::SERVICE ? 1U : 0U));
    TakeoverReport report{.disks = {}, .obstacles = {}, .complete = true};
    late.report_unreadable(report);
    BOOST_TEST(!report.complete);
  }
}

// The partner has it from the life before this one, or may have taken it since it was read.
BOOST_AUTO_TEST_CASE(disk_of_the_own_set_that_a_waiting_node_never_had_is_waited_for_and_taken) {
  state.waiting = true;
  for (const std::uint8_t owner : {kAlpha, kBeta}) {
    DiskView hidden = unreadable_known(1, pb::SERVICE, kBeta);
    hidden.label_before->set_owner_node(owner);
    hidden.label_before->set_home_generation(kLife - 1);
    LatePlan late(config, state, survey_of({surveyed(0, pb::SERVICE), hidden}));
    BOOST_TEST(late.wants_look());
    BOOST_TEST(late.expected_service().size() == 1U);
    TakeoverReport report{.disks = {}, .obstacles = {}, .complete = true};
    late.report_unreadable(report);
    BOOST_TEST(!report.complete);
    DiskView back = in_service(1, pb::SERVICE, 7);
    back.label->set_home_node(kBeta);
    back.label->set_home_generation(kLife - 1);
    CHECK_PATHS(late.service_in(survey_of({surveyed(0, pb::SERVICE), back})), {"/dev/sdb"});
    BOOST_TEST(late.no_part_of_it().empty());
  }
}

// A program may write on it that has not noticed yet.
BOOST_AUTO_TEST_CASE(disk_that_this_life_has_had_is_not_taken_back) {
  state.waiting = true;
  DiskView own = in_service(1, pb::SERVICE, 7);
  own.label->set_home_node(kBeta);
  own.label->set_home_generation(kLife);
  DiskView hidden = unreadable_known(1, pb::SERVICE, kBeta);
  hidden.label_before = own.label;
  LatePlan late(config, state, survey_of({surveyed(0, pb::SERVICE), hidden}));
  BOOST_TEST(late.nothing_is_late());
  CHECK_PATHS(late.rest_in(survey_of({surveyed(0, pb::SERVICE), own})), {});
}

BOOST_AUTO_TEST_CASE(disk_that_is_found_free_is_not_expected_any_more) {
  state.waiting = true;
  DiskView hidden = unreadable_known(1, pb::SERVICE, kBeta);
  LatePlan late(config, state, survey_of({surveyed(0, pb::SERVICE), hidden}));
  BOOST_TEST(late.expected_service().size() == 1U);
  const Survey later = survey_of({surveyed(0, pb::SERVICE), surveyed(1, pb::SERVICE, kBeta)});
  CHECK_PATHS(late.service_in(later), {});
  BOOST_TEST(late.no_part_of_it() == Paths{"/dev/sdb"}, boost::test_tools::per_element());
  BOOST_TEST(late.expected_service().empty());
  CHECK_PATHS(late.service_in(later), {});
  BOOST_TEST(late.no_part_of_it().empty());
}

// It was taken, and a later look cannot read it.
BOOST_AUTO_TEST_CASE(disk_that_was_taken_is_not_waited_for_again) {
  LatePlan late(config, state, survey_of({surveyed(0, pb::SERVICE), unreadable(1)}));
  CHECK_PATHS(late.service_in(survey_of(
                  {unreadable_known(0, pb::SERVICE), unreadable_known(1, pb::MAILBOX, 0)})),
              {});
  BOOST_TEST(!late.wants_look());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
