#include "agent/node/locks.h"

#include <boost/test/unit_test.hpp>

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

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
