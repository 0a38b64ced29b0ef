// Disks that do not answer beta at some time of a giveback.
#include <boost/test/unit_test.hpp>

#include "tests/agent/service/giveback.h"

namespace lastword::test {
namespace {

struct Sight : Giveback {
  void hide() { shelf.inject(kFirst, {.kind = fake::FaultKind::kTimeout, .initiator = "beta"}); }
  void answer() {
    shelf.heal(kFirst);
    view.answer_hung();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(giveback_sight, Sight)

// The service of the others would stand still on both nodes meanwhile.
BOOST_AUTO_TEST_CASE(service_does_not_end_while_one_of_its_disks_does_not_answer) {
  when_received = [this](unsigned lun) {
    if (lun == kDump) hide();
  };
  const auto report = run();
  BOOST_TEST_REQUIRE(fake::ok(report));
  BOOST_TEST(report->problem.find(uuid_of(kFirst)) != std::string::npos, report->problem);
  BOOST_TEST(hooks.empty());
  BOOST_TEST(is_kept(kFirst));
  BOOST_TEST(is_kept(kSecond));
  answer();
  BOOST_TEST(run()->complete);
  require_all_returned();
  require_nothing_wrong();
}

BOOST_AUTO_TEST_CASE(disk_that_nobody_could_look_at_when_the_hook_had_ended_is_not_given) {
  hook_ends = [this](const HookInput&) {
    hide();
    return Status{};
  };
  when_received = [this](unsigned lun) {
    if (lun == kSecond) answer();
  };
  BOOST_TEST(!run()->complete);
  BOOST_TEST(is_kept(kFirst));
  hook_ends = [](const HookInput&) { return Status{}; };
  BOOST_TEST(run()->complete);
  require_all_returned();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
