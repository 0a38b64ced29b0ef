#include "agent/node/locks.h"

#include <boost/test/unit_test.hpp>

#include "tests/agent/node/node_folders.h"

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

BOOST_AUTO_TEST_CASE(takeover_that_does_not_wait_is_refused) {
  auto first = lock_takeover(config, false);
  BOOST_REQUIRE(first);
  const auto second = lock_takeover(config, false);
  BOOST_REQUIRE(!second);
  BOOST_TEST((second.error().code == Code::kRefused));
  first->reset();
  BOOST_TEST(lock_takeover(config, true).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
