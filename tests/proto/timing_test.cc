#include "proto/timing.h"

#include <boost/test/unit_test.hpp>

#include "tests/fake/check.h"

using namespace lastword;
using namespace lastword::fake;
using namespace std::chrono_literals;

namespace {

// kUsage, in words that name the setting.
bool refused_for(const TimingSettings& settings, std::string_view setting) {
  const auto timing = derive_timing(settings);
  BOOST_TEST(fails(timing, Code::kUsage));
  return !timing && describe(timing.error()).find(setting) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(timing)

BOOST_AUTO_TEST_CASE(defaults_follow_the_worked_timeline) {
  const auto derived = derive_timing({});
  BOOST_TEST_REQUIRE(ok(derived));
  BOOST_TEST((derived->stall() == 13s));
  BOOST_TEST((derived->deadline() == 75s));
  BOOST_TEST((derived->deadline() < derived->settings.client_timeout));
  BOOST_TEST((derived->hook_timeout() == 360s));
  BOOST_TEST((derived->recovery_stall() == 613s));
}

BOOST_AUTO_TEST_CASE(watchdog_resets_a_node_before_its_partner_may_take_over) {
  BOOST_TEST((Timing{}.watchdog_timeout() == 17s));
  for (const milliseconds heartbeat : {200ms, 1000ms, 2500ms, 10'000ms}) {
    for (const milliseconds silence : {0ms, 60'000ms, 61'500ms}) {
      const auto timing = derive_timing({.heartbeat = heartbeat, .silence = silence});
      BOOST_TEST_REQUIRE(ok(timing));
      BOOST_TEST(
          (heartbeat + timing->watchdog_timeout() + kWatchdogReset <= timing->peer_silence()));
      // And not while the agent is only restarted.
      BOOST_TEST((timing->watchdog_timeout() >= kShortestWatchdog));
    }
  }
}

BOOST_AUTO_TEST_CASE(hook_is_waited_for_until_it_could_be_ended) {
  const auto until = Timing::hook_given_up(60s);
  BOOST_TEST((until > kUdevSettle + 60s + 2 * kHookGrace));
}

// service-leaving waits for its turn behind another hook of the service.
BOOST_AUTO_TEST_CASE(node_that_leaves_is_given_the_time_that_its_hook_may_take) {
  const Timing timing;
  BOOST_TEST((timing.countdown(60s) > Timing::service_hook_given_up(60s)));
}

BOOST_AUTO_TEST_CASE(writer_gives_up_on_a_disk_before_the_partner_calls_it_stalled) {
  for (const milliseconds io_timeout : {500ms, 5000ms, 30000ms}) {
    const auto derived = derive_timing({.io_timeout = io_timeout});
    BOOST_TEST_REQUIRE(ok(derived));
    BOOST_TEST((derived->stall() > io_timeout + kProgressInterval));
    BOOST_TEST((derived->deadline() >= derived->settings.dump_limit + io_timeout));
  }
}

BOOST_AUTO_TEST_CASE(
    writer_may_use_two_io_timeouts_on_each_armed_disk_before_the_partner_takes_it) {
  for (const milliseconds io_timeout : {500ms, 5000ms, 30000ms}) {
    for (const milliseconds grace : {1000ms, 10000ms}) {
      const auto derived = derive_timing({.io_timeout = io_timeout, .grace = grace});
      BOOST_TEST_REQUIRE(ok(derived));
      BOOST_TEST((derived->silence(1) >= grace));
      for (const std::size_t armed : {1U, 2U, 3U}) {
        BOOST_TEST((derived->silence(armed) > armed * 2 * io_timeout));
      }
    }
  }
  BOOST_TEST((Timing{}.silence(1) == 11s));
  BOOST_TEST((Timing{}.silence(3) == 31s));
}

BOOST_AUTO_TEST_CASE(dump_limit_not_below_the_clients_time_out_is_refused) {
  BOOST_TEST(refused_for({.dump_limit = 90s, .client_timeout = 90s}, "client_timeout"));
  BOOST_TEST(refused_for({.dump_limit = 91s, .client_timeout = 90s}, "dump_limit"));
  BOOST_TEST(ok(derive_timing({.dump_limit = 89999ms, .client_timeout = 90s})));
}

BOOST_AUTO_TEST_CASE(grace_not_below_the_dump_limit_is_refused) {
  BOOST_TEST(refused_for({.dump_limit = 10s, .grace = 10s}, "grace"));
  BOOST_TEST(ok(derive_timing({.dump_limit = 10001ms, .grace = 10s})));
}

BOOST_AUTO_TEST_CASE(io_timeout_not_below_the_dump_limit_is_refused) {
  const TimingSettings settings{.io_timeout = 20s, .dump_limit = 20s, .grace = 10s};
  BOOST_TEST(refused_for(settings, "io_timeout"));
}

BOOST_AUTO_TEST_CASE(time_out_of_its_bounds_is_refused_by_name) {
  for (const milliseconds value : {0ms, -1ms, 499ms, 60001ms}) {
    BOOST_TEST(refused_for({.io_timeout = value}, "io_timeout"));
  }
  for (const milliseconds value : {0ms, -1ms, 999ms, milliseconds(24h) + 1ms}) {
    BOOST_TEST(refused_for({.dump_limit = value}, "dump_limit"));
    BOOST_TEST(refused_for({.grace = value}, "grace"));
    BOOST_TEST(refused_for({.client_timeout = value}, "client_timeout"));
  }
}

BOOST_AUTO_TEST_CASE(bounds_themselves_are_accepted) {
  BOOST_TEST(ok(derive_timing({.io_timeout = 500ms, .dump_limit = 1001ms, .grace = 1s})));
  BOOST_TEST(ok(
      derive_timing({.io_timeout = 60s, .dump_limit = 23h, .grace = 22h, .client_timeout = 24h})));
}

BOOST_AUTO_TEST_SUITE_END()
