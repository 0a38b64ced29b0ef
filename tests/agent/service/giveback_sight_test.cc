// Disks that do not answer beta at some time of a giveback.
#include <boost/test/unit_test.hpp>

#include "tests/agent/service/giveback.h"

namespace lastword::test {
namespace {

struct Sight : Giveback {
  // kFirst hangs for beta from when alpha has its dump disk back.
  Sight() {
    when_received = [this](unsigned lun) {
      if (lun == kDump) {
        shelf.inject(kFirst, {.kind = fake::FaultKind::kTimeout, .initiator = "beta"});
      }
      if (lun == seen_with) answer();
    };
  }
  void answer() {
    shelf.heal(kFirst);
    view.answer_hung();
  }
  unsigned seen_with = kLuns;  // when alpha has received this one
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(giveback_sight, Sight)

BOOST_AUTO_TEST_CASE(disk_that_answers_again_when_the_hook_has_ended_the_service_calls_it_off) {
  hook_ends = [this](const HookInput&) {
    answer();
    return Status{};
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->problem.find(path_of(kFirst) + " was out of sight") != std::string::npos,
             report->problem);
  BOOST_TEST(hooks.front().disks == Lines{path_of(kSecond)}, boost::test_tools::per_element());
  require_service_kept();
  BOOST_TEST(run()->complete);
  require_all_returned();
  require_nothing_wrong();
}

BOOST_AUTO_TEST_CASE(disk_that_answers_later_is_given_when_its_service_has_ended) {
  seen_with = kSecond;
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(!report->complete);
  BOOST_TEST(is_kept(kFirst));
  BOOST_TEST(is_alphas(kSecond));
  BOOST_TEST(run()->complete);
  BOOST_TEST(hooks.back().event == "service-returning");
  BOOST_TEST(hooks.back().disks == Lines{path_of(kFirst)}, boost::test_tools::per_element());
  require_all_returned();
  require_nothing_wrong();
}

BOOST_FIXTURE_TEST_CASE(disk_that_nobody_could_look_at_when_the_hook_had_ended_is_not_given,
                        Giveback) {
  hook_ends = [this](const HookInput&) {
    shelf.inject(kFirst, {.kind = fake::FaultKind::kTimeout, .initiator = "beta"});
    return Status{};
  };
  when_received = [this](unsigned lun) {
    if (lun != kSecond) return;
    shelf.heal(kFirst);
    view.answer_hung();
  };
  BOOST_TEST(!run()->complete);
  BOOST_TEST(is_kept(kFirst));
  hook_ends = [](const HookInput&) { return Status{}; };
  BOOST_TEST(run()->complete);
  require_all_returned();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
