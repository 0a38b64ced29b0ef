// Looks at a disk that does not answer.
#include "tests/agent/disks/looks.h"

namespace lastword::test {
namespace {

struct Hanging : Looks {
  void hang() {
    shelf.inject(
        0, {.kind = fake::FaultKind::kTimeout, .only = fake::Command::kRead, .initiator = "beta"});
  }
  void hang_for_twenty_minutes() {
    hang();
    while (executor.now() < std::chrono::minutes(20)) {
      BOOST_TEST_REQUIRE(look().problem.has_value());
      executor.sleep(milliseconds(5000));
    }
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(hanging_disks, Hanging)

BOOST_AUTO_TEST_CASE(disk_that_hung_for_long_is_seen_seconds_after_it_heals) {
  hang_for_twenty_minutes();
  shelf.heal(0);
  view.answer_hung();
  const Instant healed = executor.now();
  while (look().problem) {
    executor.sleep(milliseconds(1000));
    BOOST_TEST_REQUIRE((executor.now() - healed).count() < 10'000);
  }
}

BOOST_AUTO_TEST_CASE(disk_that_hangs_piles_nothing_up) {
  hang_for_twenty_minutes();
  BOOST_TEST(view.hung() <= 2 * RestingDisks::kMostOpen);
  BOOST_TEST(view.hung() > 0U);
}

BOOST_AUTO_TEST_CASE(disk_that_heals_is_seen_though_what_it_was_asked_before_hangs_for_ever) {
  hang();
  BOOST_TEST(look().problem.has_value());
  shelf.heal(0);
  executor.sleep(RestingDisks::kRest);
  BOOST_TEST(!look().problem.has_value());
}

BOOST_AUTO_TEST_CASE(disk_that_hung_before_holds_nobody_up_when_it_is_asked_again) {
  hang();
  (void)look();
  BOOST_TEST((view.take_longest_wait() == config.timing.settings.io_timeout));
  executor.sleep(RestingDisks::kRest);
  (void)look();
  BOOST_TEST((view.take_longest_wait() == kPollInterval));
}

BOOST_AUTO_TEST_CASE(looks_at_the_headers_of_a_disk_that_hangs_pile_nothing_up) {
  HeaderWatch watch = this->watch(view);
  hang();
  while (executor.now() < std::chrono::minutes(20)) {
    const auto seen = watch.poll({0});
    BOOST_TEST_REQUIRE(seen.size() == 1U);
    BOOST_TEST_REQUIRE(!seen[0].header.has_value());
    executor.sleep(view.take_longest_wait() + kPollInterval);
  }
  BOOST_TEST(view.hung() <= 2 * RestingDisks::kMostOpen);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
