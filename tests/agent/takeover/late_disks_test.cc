// The partner's disks that can be read only after its takeover has begun.
#include "agent/takeover/late_disks.h"

#include <boost/test/unit_test.hpp>
#include <deque>

#include "tests/agent/disks/surveyed.h"

namespace lastword::test {
namespace {

using Paths = std::vector<std::string>;

SurveyedDisk unreadable(unsigned number) {
  SurveyedDisk disk = surveyed(number, pb::SERVICE);
  disk.label.reset();
  disk.problem = Error{.code = Code::kTimeout, .operation = "survey"};
  return disk;
}

Survey survey_of(std::vector<SurveyedDisk> disks) {
  return {.disks = std::move(disks)};
}

// beta takes over from alpha; each look finds the next of `looks`, the last one again and again.
struct Late {
  Late() { std::swap(config.self, config.partner); }

  LateDisks start(const Survey& first) {
    return {config,
            first,
            {.look = [this]() -> Result<Survey> {
               ++looked;
               if (looks.empty()) return fail({.code = Code::kIo, .operation = "list disks"});
               Survey survey = looks.front();
               if (looks.size() > 1) looks.pop_front();
               return survey;
             },
             .take =
                 [this](std::vector<SurveyedDisk> disks) {
                   TakeoverReport report{.disks = {}, .obstacles = {}, .complete = true};
                   for (const SurveyedDisk& disk : disks) {
                     taken.push_back(disk.info.path);
                     report.disks.push_back({.path = disk.info.path, .outcome = "taken"});
                   }
                   return report;
                 },
             .wait = [this] { return waits_left-- > 0; }}};
  }

  Config config = cluster_config();
  std::deque<Survey> looks;
  unsigned looked = 0;
  int waits_left = 5;
  Paths taken;
};

}  // namespace

#define CHECK_PATHS(actual, ...) \
  BOOST_TEST((actual) == (Paths __VA_ARGS__), boost::test_tools::per_element())

BOOST_FIXTURE_TEST_SUITE(late_disks, Late)

BOOST_AUTO_TEST_CASE(nothing_is_looked_at_again_when_all_could_be_read) {
  auto late = start(survey_of({surveyed(0, pb::SERVICE), surveyed(1, pb::SPARE)}));
  late.take_service();
  BOOST_TEST(late.take_rest().complete);
  BOOST_TEST(looked == 0U);
  CHECK_PATHS(taken, {});
}

BOOST_AUTO_TEST_CASE(service_disk_is_taken_once_as_soon_as_it_can_be_read) {
  auto late = start(survey_of({surveyed(0, pb::SERVICE), unreadable(1), unreadable(2)}));
  looks = {
      survey_of({surveyed(0, pb::SERVICE), unreadable(1), unreadable(2)}),
      survey_of({surveyed(0, pb::SERVICE), surveyed(1, pb::SERVICE), unreadable(2)}),
      survey_of({surveyed(0, pb::SERVICE), surveyed(1, pb::SERVICE), unreadable(2)}),
      survey_of({surveyed(0, pb::SERVICE), surveyed(1, pb::SERVICE), surveyed(2, pb::SERVICE)})};
  late.take_service();
  CHECK_PATHS(taken, {"/dev/sdb", "/dev/sdc"});
  BOOST_TEST(looked == 4U);
  const TakeoverReport report = late.take_rest();
  BOOST_TEST(report.complete);
  BOOST_TEST(report.disks.size() == 2U);
  CHECK_PATHS(taken, {"/dev/sdb", "/dev/sdc"});
}

BOOST_AUTO_TEST_CASE(spare_that_the_dump_may_have_turned_to_waits_for_the_rest) {
  for (const pb::Role role : {pb::SPARE, pb::DUMP}) {
    taken.clear();
    auto late = start(survey_of({surveyed(0, pb::SERVICE), unreadable(1)}));
    looks = {survey_of({surveyed(0, pb::SERVICE), surveyed(1, role)})};
    late.take_service();
    CHECK_PATHS(taken, {});
    BOOST_TEST(late.take_rest().complete);
    CHECK_PATHS(taken, {"/dev/sdb"});
  }
}

BOOST_AUTO_TEST_CASE(disk_that_no_look_can_read_is_reported) {
  auto late = start(survey_of({surveyed(0, pb::SERVICE), unreadable(1)}));
  looks = {survey_of({surveyed(0, pb::SERVICE), unreadable(1)})};
  late.take_service();
  BOOST_TEST(looked == 5U);
  const TakeoverReport report = late.take_rest();
  BOOST_TEST(!report.complete);
  BOOST_REQUIRE(report.disks.size() == 1U);
  BOOST_TEST(report.disks[0].outcome == "not readable");
}

BOOST_AUTO_TEST_CASE(disk_that_turns_out_to_be_this_nodes_own_is_left_alone) {
  auto late = start(survey_of({surveyed(0, pb::SERVICE), unreadable(1)}));
  looks = {survey_of({surveyed(0, pb::SERVICE), surveyed(1, pb::SERVICE, kBeta)})};
  late.take_service();
  BOOST_TEST(late.take_rest().complete);
  CHECK_PATHS(taken, {});
}

BOOST_AUTO_TEST_CASE(looks_that_fail_leave_the_last_picture) {
  auto late = start(survey_of({unreadable(1)}));
  late.take_service();
  BOOST_TEST(looked == 1U);
  BOOST_TEST(!late.take_rest().complete);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
