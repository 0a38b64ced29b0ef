// The node's own watchdog.
#include "agent/daemon/node_watchdog.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/disks/shelf_nodes.h"

namespace lastword::test {
namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

// What a fake device does, and what was done to it.
struct Hardware {
  seconds longest{60};
  seconds shortest{1};
  bool keeps_counting = false;
  bool ping_fails = false;

  seconds timeout{0};
  unsigned pings = 0;
  bool open = false;
  bool armed = false;
};

class FakeWatchdog final : public WatchdogDevice {
 public:
  explicit FakeWatchdog(Hardware& hardware) : hardware_(hardware) {
    hardware_.open = hardware_.armed = true;
  }
  ~FakeWatchdog() override { hardware_.open = false; }
  Result<seconds> set_timeout(seconds timeout) override {
    hardware_.timeout = std::clamp(timeout, hardware_.shortest, hardware_.longest);
    return hardware_.timeout;
  }
  Status ping() override {
    if (hardware_.ping_fails) return fail({.code = Code::kIo, .operation = "ping the watchdog"});
    ++hardware_.pings;
    return {};
  }
  Status disarm() override {
    if (hardware_.keeps_counting) return fail({.code = Code::kRefused, .operation = "disarm"});
    hardware_.armed = false;
    return {};
  }

 private:
  Hardware& hardware_;
};

struct Watched {
  Watched() { config.watchdog_device = "/dev/watchdog"; }
  [[nodiscard]] NodeWatchdog watchdog() {
    return {config, [this](const Event& event) { told.push_back(event); },
            [this](const std::string& path) -> Result<std::unique_ptr<WatchdogDevice>> {
              BOOST_TEST(path == config.watchdog_device);
              return std::make_unique<FakeWatchdog>(hardware);
            }};
  }
  Config config = cluster_config();
  Hardware hardware;
  std::vector<Event> told;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(node_watchdog, Watched)

BOOST_AUTO_TEST_CASE(node_is_reset_before_its_partner_may_take_over) {
  const NodeWatchdog watchdog = this->watchdog();
  BOOST_TEST_REQUIRE(told.size() == 1U);
  BOOST_TEST(told[0].name == "watchdog-armed");
  const Timing& timing = config.timing;
  BOOST_TEST(
      (timing.settings.heartbeat + hardware.timeout + kWatchdogReset <= timing.peer_silence()));
  BOOST_TEST((hardware.timeout >= kAgentRestart));
}

BOOST_AUTO_TEST_CASE(it_is_pinged_as_long_as_the_loop_turns_and_stays_armed_when_the_agent_dies) {
  {
    NodeWatchdog watchdog = this->watchdog();
    for (Instant now{0}; now < 10s; now += kPollInterval) watchdog.turn(now);
    BOOST_TEST(hardware.pings == 20U);
  }
  BOOST_TEST(!hardware.open);
  BOOST_TEST(hardware.armed);
}

BOOST_AUTO_TEST_CASE(agent_that_ends_in_order_disarms_it) {
  NodeWatchdog watchdog = this->watchdog();
  watchdog.disarm();
  BOOST_TEST(!hardware.armed);
  BOOST_TEST(!hardware.open);
  watchdog.turn(1h);
  watchdog.disarm();
  BOOST_TEST(hardware.pings == 0U);
  BOOST_TEST(told.size() == 1U);
}

BOOST_AUTO_TEST_CASE(device_that_cannot_be_stopped_is_told_of_at_the_end) {
  hardware.keeps_counting = true;
  NodeWatchdog watchdog = this->watchdog();
  watchdog.disarm();
  BOOST_TEST(told.back().name == "watchdog-not-disarmed");
}

BOOST_AUTO_TEST_CASE(device_that_resets_too_late_or_too_early_is_not_armed) {
  for (const auto& [shortest, longest] : {std::pair{18s, 60s}, std::pair{1s, 6s}}) {
    hardware = {.longest = longest, .shortest = shortest};
    told.clear();
    NodeWatchdog watchdog = this->watchdog();
    BOOST_TEST_REQUIRE(told.size() == 1U);
    BOOST_TEST(told[0].name == "watchdog-not-armed");
    BOOST_TEST(!hardware.armed);
    BOOST_TEST(!hardware.open);
  }
}

BOOST_AUTO_TEST_CASE(device_that_is_refused_and_cannot_be_stopped_is_kept_from_running_out) {
  hardware = {.shortest = 30s, .keeps_counting = true};
  NodeWatchdog watchdog = this->watchdog();
  BOOST_TEST(told[0].name == "watchdog-not-armed");
  watchdog.turn(1s);
  BOOST_TEST(hardware.pings == 1U);
}

BOOST_AUTO_TEST_CASE(ping_that_fails_is_told_once) {
  NodeWatchdog watchdog = this->watchdog();
  hardware.ping_fails = true;
  for (Instant now{0}; now < 10s; now += kPollInterval) watchdog.turn(now);
  BOOST_TEST(told.size() == 2U);
  BOOST_TEST(told[1].name == "watchdog-problem");
}

BOOST_AUTO_TEST_CASE(without_a_device_nothing_is_opened) {
  config.watchdog_device.clear();
  NodeWatchdog watchdog = this->watchdog();
  watchdog.turn(1s);
  BOOST_TEST(told.empty());
}

BOOST_AUTO_TEST_CASE(device_that_is_not_there_is_told_with_what_to_do) {
  const auto opened = open_watchdog("/dev/no-such-watchdog");
  BOOST_TEST_REQUIRE(!opened.has_value());
  BOOST_TEST((opened.error().code == Code::kNotFound));
  BOOST_TEST((describe(opened.error()).find("softdog") != std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
