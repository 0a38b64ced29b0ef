// What the service manager is told.
#include "agent/daemon/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "storage/block/file_descriptor.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {
namespace {

using namespace std::chrono_literals;

struct Managed {
  std::vector<std::string> sent;
  VirtualExecutor executor;
  ServiceManager manager{[this](const std::string& message) { sent.push_back(message); }, 4000ms,
                         executor};
};

// A socket as systemd has one, in a folder whose path is short enough for it.
struct NotifySocket {
  explicit NotifySocket(bool abstract) {
    path = (abstract ? "@lastword-test-" : "/tmp/lastword-test-") + std::to_string(::getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(path, address.sun_path);
    if (abstract) address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    BOOST_REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~NotifySocket() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  // Empty: nothing was sent.
  [[nodiscard]] std::string received() const {
    std::array<char, 256> text{};
    const ssize_t length = ::recv(socket.get(), text.data(), text.size(), MSG_DONTWAIT);
    return length > 0 ? std::string(text.data(), static_cast<std::size_t>(length)) : "";
  }
  FileDescriptor socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::string path;
};

Event event(const char* name, const char* detail = "") {
  return {.name = name, .disk = {}, .detail = detail};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(service_manager, Managed)

BOOST_AUTO_TEST_CASE(agent_is_ready_when_it_watches_or_waits_or_takes_over) {
  std::vector<std::string> told;
  const EventSink sink = manager.sink([&](const Event& one) { told.push_back(one.name); });
  sink(event("watchdog-armed"));
  sink(event("heartbeat-problem"));
  BOOST_TEST(sent.empty());
  for (const char* name : {"watching", "waiting-for-start", "takeover-resumed"}) {
    sent.clear();
    sink(event(name, "4 disks\nof beta"));
    BOOST_TEST_REQUIRE(sent.size() == 1U);
    BOOST_TEST(sent[0] == "READY=1\nSTATUS=" + std::string(name) + ": 4 disks of beta");
  }
  BOOST_TEST(told.size() == 5U);
}

BOOST_AUTO_TEST_CASE(giveback_handover_and_lost_state_are_told_as_a_takeover_is) {
  for (const char* name :
       {"service-held-back", "state-lost", "both-wait", "partner-left", "takeover-forced",
        "giveback-started", "giveback-resumed", "giveback-held-back", "giveback-left-to-operator",
        "giveback-called-off", "giveback-finished", "disk-returned", "not-armed", "handed-over",
        "handover-called-off"}) {
    BOOST_TEST(status_after(event(name, "x")) == std::string(name) + ": x");
  }
}

BOOST_AUTO_TEST_CASE(signs_of_life_are_as_frequent_as_the_time_asks_for_and_no_more) {
  for (int i = 0; i < 100; ++i) {
    manager.turn();
    executor.sleep(kPollInterval);
  }
  BOOST_TEST(sent.size() == 10U);
  BOOST_TEST(sent[0] == "WATCHDOG=1");
  sent.clear();
  executor.sleep(10s);
  BOOST_TEST(sent.empty());
}

BOOST_AUTO_TEST_CASE(datagrams_reach_both_kinds_of_socket_and_hooks_do_not_inherit_them) {
  for (const bool abstract : {false, true}) {
    const NotifySocket socket(abstract);
    ::setenv("WATCHDOG_USEC", "4000000", 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    ServiceManager ours = service_manager_of_this_process(executor);
    ours.turn();
    BOOST_TEST(socket.received() == "WATCHDOG=1");
    ours.stopping();
    BOOST_TEST(socket.received() == "STOPPING=1");
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      BOOST_TEST((std::getenv(name) == nullptr), name);
    }
  }
}

BOOST_AUTO_TEST_CASE(watchdog_of_another_process_is_not_this_ones) {
  const NotifySocket socket(true);
  ::setenv("WATCHDOG_USEC", "4000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  ServiceManager none = service_manager_of_this_process(executor);
  none.turn();
  BOOST_TEST(socket.received() == "");
}

BOOST_AUTO_TEST_CASE(without_a_service_manager_nothing_happens) {
  for (const char* path : {"", "relative", "/nobody/listens/here"}) {
    ::setenv("NOTIFY_SOCKET", path, 1);
    ::setenv("WATCHDOG_USEC", "no number", 1);
    ServiceManager none = service_manager_of_this_process(executor);
    none.turn();
    none.stopping();
  }
}

// A manager that reads nothing any more fills its queue, and must not hold up the agent.
BOOST_AUTO_TEST_CASE(socket_that_nobody_reads_holds_up_nothing) {
  const NotifySocket socket(true);
  const ServiceManager full = service_manager_of_this_process(executor);
  for (int i = 0; i < 10'000; ++i) full.stopping();
}

BOOST_AUTO_TEST_CASE(unit_ends_an_agent_that_hangs_in_the_time_that_the_timing_counts_with) {
  std::ifstream file(LASTWORD_SOURCE_DIR "/scripts/systemd/lastword-agent.service");
  const std::string unit((std::istreambuf_iterator<char>(file)), {});
  for (const std::string& line :
       {std::string("Type=notify"), "WatchdogSec=" + std::to_string(kAgentWatchdog / 1s) + "s",
        "RestartSec=" + std::to_string(kAgentRestartDelay / 1s) + "s",
        std::string("Restart=always"), std::string("RestartPreventExitStatus=2 4 5 6")}) {
    BOOST_TEST((unit.find("\n" + line + "\n") != std::string::npos), line);
  }
  // What is left is for the program to begin in.
  BOOST_TEST((kAgentWatchdog + kAgentRestartDelay + 2s <= kAgentRestart));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
