// Whatever happens to two nodes, they come to rest when the faults stop. A history that does not
// prints its seed: `build/bin/node_pair_test --log_level=message -- SEED` shows what happened, `--
// FIRST LAST` plays more.
#include "tests/agent/protocol/node_pair.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/test/unit_test.hpp>
#include <string>

namespace lastword::test {

BOOST_AUTO_TEST_CASE(two_nodes_come_to_rest_when_the_faults_stop) {
  const auto& suite = boost::unit_test::framework::master_test_suite();
  std::uint64_t first = 1;
  std::uint64_t last = 20'000;
  if (suite.argc > 1) first = last = std::stoull(suite.argv[1]);
  if (suite.argc > 2) last = std::stoull(suite.argv[2]);
  unsigned failures = 0;
  for (std::uint64_t seed = first; seed <= last && failures < 5; ++seed) {
    NodePair pair(seed);
    const std::string problem = pair.run();
    if (problem.empty() && first != last) continue;
    if (!problem.empty()) ++failures;
    BOOST_TEST(problem.empty(), fmt::format("seed {}: {}", seed, problem));
    if (first == last) BOOST_TEST_MESSAGE(fmt::format("{}", fmt::join(pair.trace(), "\n")));
  }
}

}  // namespace lastword::test
