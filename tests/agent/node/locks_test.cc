#include "agent/node/locks.h"

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <string>

#include "tests/agent/node/node_folders.h"
#include "tests/support/virtual_executor.h"

namespace lastword::test {

BOOST_FIXTURE_TEST_SUITE(locks, NodeFolders)

BOOST_AUTO_TEST_CASE(one_command_at_a_time_has_the_lock) {
  auto first = lock_state(config);
  BOOST_REQUIRE(first);
  const auto second = lock_state(config);
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().code == Code::kRefused));
  first->reset();
  BOOST_TEST(lock_state(config).has_value());
}

BOOST_AUTO_TEST_CASE(one_takeover_at_a_time) {
  auto first = lock_takeover(config);
  BOOST_REQUIRE(first);
  const auto second = lock_takeover(config);
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().code == Code::kRefused));
  first->reset();
  BOOST_TEST(lock_takeover(config).has_value());
}

BOOST_AUTO_TEST_CASE(lock_that_is_taken_names_all_who_may_have_it) {
  const auto state = lock_state(config);
  const auto takeover = lock_takeover(config);
  const std::string by_state = describe(lock_state(config).error());
  for (const char* command : {"start", "stop", "halt", "arm", "disarm", "handover", "disable",
                              "enable", "no-takeover", "the agent takes or leaves disks"}) {
    BOOST_TEST(by_state.find(command) != std::string::npos, command << " in " << by_state);
  }
  BOOST_TEST(by_state.ends_with("try again"), by_state);
  const std::string by_takeover = describe(lock_takeover(config).error());
  BOOST_TEST(by_takeover.find("a takeover, giveback or handover runs") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(second_agent_is_told_which_process_the_first_is) {
  auto first = lock_agent(config);
  BOOST_REQUIRE(first);
  const auto second = lock_agent(config);
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().code == Code::kRefused));
  const std::string text = describe(second.error());
  BOOST_TEST((text.find("as process " + std::to_string(::getpid())) != std::string::npos), text);
  first->reset();
  BOOST_TEST(lock_agent(config).has_value());
}

BOOST_AUTO_TEST_CASE(agent_that_was_killed_and_cannot_end_is_no_agent) {
  auto first = lock_agent(config);
  BOOST_REQUIRE(first);
  // A zombie: ended, and nobody has waited for it.
  const pid_t zombie = ::fork();
  if (zombie == 0) ::_exit(0);
  siginfo_t ended;
  BOOST_REQUIRE(::waitid(P_PID, static_cast<id_t>(zombie), &ended, WEXITED | WNOWAIT) == 0);
  std::ofstream(config.state_directory + "/agent.lock") << zombie << "\n";
  const auto second = lock_agent(config);
  BOOST_TEST(second.has_value());
  BOOST_TEST(!lock_agent(config).has_value());
  BOOST_TEST(::waitpid(zombie, nullptr, 0) == zombie);
}

BOOST_AUTO_TEST_CASE(slot_has_a_lock_for_each_disk_and_is_waited_for_no_longer_than_asked) {
  VirtualExecutor executor;
  const auto lock = [&](unsigned disk) {
    return lock_slot(config.state_directory, uuid_of(disk), executor, milliseconds(5000));
  };
  auto first = lock(1);
  BOOST_REQUIRE(first);
  BOOST_TEST(lock(2).has_value());
  const auto second = lock(1);
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().code == Code::kTimeout));
  BOOST_TEST(executor.now().count() == 5000);
  first->reset();
  BOOST_TEST(lock(1).has_value());
}

BOOST_AUTO_TEST_CASE(process_that_was_killed_is_told_by_its_state_or_by_the_signal_that_waits) {
  const std::string alive =
      "Name:\tlastword State:\tZ\nUmask:\t0022\nState:\tD (disk sleep)\nSigPnd:\t0000000000000000"
      "\nShdPnd:\t0000000000004000\nSigBlk:\t0000000000000100\n";
  BOOST_TEST(!tells_of_kill(alive));
  BOOST_TEST(!tells_of_kill(""));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = alive;
    return text.replace(text.find(from), from.size(), to);
  };
  BOOST_TEST(tells_of_kill(with("\tD (disk", "\tZ (zombie")));
  BOOST_TEST(tells_of_kill(with("4000", "4100")));
  BOOST_TEST(tells_of_kill(with("SigPnd:\t0000000000000000", "SigPnd:\t0000000000000100")));
}

// One that has just begun, or is gone: it is tried again.
BOOST_AUTO_TEST_CASE(lock_whose_owner_cannot_be_named_is_no_refusal) {
  const auto first = lock_agent(config);
  BOOST_REQUIRE(first);
  for (const char* pid : {"", "4194305\n"}) {
    std::ofstream(config.state_directory + "/agent.lock") << pid;
    const auto second = lock_agent(config);
    BOOST_REQUIRE(!second);
    BOOST_TEST((second.error().code == Code::kTimeout));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
