// A wall clock that somebody sets.
#include "agent/daemon/clock_watch.h"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

struct Clock {
  void turns(milliseconds time) {
    for (milliseconds passed{0}; passed < time; passed += kPollInterval) {
      executor.sleep(kPollInterval);
      clock.turn();
    }
  }
  VirtualExecutor executor;
  std::vector<Event> events;
  ClockWatch clock{executor, [this](const Event& event) { events.push_back(event); }};
};

constexpr std::int64_t kYearMs = 365LL * 24 * 3600 * 1000;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(clock_watch, Clock)

BOOST_AUTO_TEST_CASE(a_clock_that_goes_on_is_nothing_to_tell) {
  turns(milliseconds(10'000));
  BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_CASE(a_clock_set_back_by_a_year_is_told_once) {
  turns(milliseconds(1'000));
  executor.wall_is_ahead_ms -= kYearMs;
  turns(milliseconds(10'000));
  BOOST_TEST_REQUIRE(events.size() == 1U);
  BOOST_TEST(events[0].name == "clock-set");
  BOOST_TEST((events[0].detail.find("set back by 8760h") != std::string::npos), events[0].detail);
  BOOST_TEST((events[0].detail.find("later") != std::string::npos));
  executor.wall_is_ahead_ms += kYearMs;
  turns(milliseconds(1'000));
  BOOST_TEST_REQUIRE(events.size() == 2U);
  BOOST_TEST((events[1].detail.find("forward") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(a_time_service_that_corrects_a_little_is_left_alone) {
  for (int i = 0; i < 100; ++i) {
    executor.wall_is_ahead_ms += ClockWatch::kWorthTelling.count() - 1;
    turns(milliseconds(100));
  }
  BOOST_TEST(events.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
