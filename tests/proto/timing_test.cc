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
}

BOOST_AUTO_TEST_CASE(writer_gives_up_on_a_disk_before_the_partner_calls_it_stalled) {
  for (const milliseconds io_timeout : {100ms, 5000ms, 30000ms}) {
    const auto derived = derive_timing({.io_timeout = io_timeout});
    BOOST_TEST_REQUIRE(ok(derived));
    BOOST_TEST((derived->stall() > io_timeout + kProgressInterval));
    BOOST_TEST((derived->deadline() >= derived->settings.dump_limit + io_timeout));
  }
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

BOOST_AUTO_TEST_CASE(time_that_is_not_positive_is_refused) {
  BOOST_TEST(refused_for({.io_timeout = 0ms}, "above zero"));
  BOOST_TEST(refused_for({.dump_limit = -1ms}, "above zero"));
  BOOST_TEST(refused_for({.grace = 0ms}, "above zero"));
  BOOST_TEST(refused_for({.client_timeout = 0ms}, "above zero"));
}

BOOST_AUTO_TEST_SUITE_END()
