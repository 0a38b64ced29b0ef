// A thread that waits within bounds goes on showing that it lives; one that hangs does not.
#include "agent/daemon/pulsing_executor.h"

#include <sched.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <thread>

#include "agent/daemon/realtime.h"

namespace lastword::test {
namespace {

using namespace std::chrono_literals;

struct Pulsing {
  unsigned pulses = 0;
  PulsingExecutor& executor = PulsingExecutor::make(real_executor(), [this] { ++pulses; });
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pulsing_executor, Pulsing)

BOOST_AUTO_TEST_CASE(pulse_goes_on_while_disks_do_not_answer) {
  const auto end = std::make_shared<std::atomic<bool>>(false);
  const auto done = executor.fan_out(2, 350ms, [end](std::size_t i) {
    while (i == 1 && !*end) std::this_thread::sleep_for(1ms);
  });
  *end = true;
  BOOST_TEST((done == std::vector<bool>{true, false}));
  BOOST_TEST(pulses >= 3U);
}

BOOST_AUTO_TEST_CASE(pulse_goes_on_while_it_sleeps_and_while_a_hook_runs) {
  executor.sleep(250ms);
  BOOST_TEST(pulses >= 3U);
  pulses = 0;
  bool ran = false;
  executor.during([&ran] {
    std::this_thread::sleep_for(250ms);
    ran = true;
  });
  BOOST_TEST(ran);
  BOOST_TEST(pulses >= 3U);
}

BOOST_AUTO_TEST_CASE(other_threads_have_no_pulse) {
  executor.during([this] {
    const unsigned before = pulses;
    executor.sleep(1ms);
    (void)executor.fan_out(1, 1s, [](std::size_t) {});
    BOOST_TEST(pulses >= before);
  });
  const unsigned after = pulses;
  std::thread([this] { executor.sleep(300ms); }).join();
  BOOST_TEST(pulses == after);
}

// Where the machine lets this test have it: a container may not.
BOOST_AUTO_TEST_CASE(real_time_priority_is_not_inherited) {
  std::thread([] {
    if (!prefer_this_thread()) return;
    BOOST_TEST(::sched_getscheduler(0) == (SCHED_RR | SCHED_RESET_ON_FORK));
    std::thread([] { BOOST_TEST(::sched_getscheduler(0) == SCHED_OTHER); }).join();
  }).join();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
