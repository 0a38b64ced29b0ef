// Histories of two nodes (README.md): as many as fit, and those that once broke an invariant.
#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "tests/sim/history.h"
#include "tests/sim/pool.h"

namespace lastword::sim {
namespace {

constexpr std::chrono::seconds kTime{60};

// Each found a mistake that the others do not find.
constexpr std::array<std::uint64_t, 23> kOnceBroken{
    1407,  1916,  3060,   6691,   8539,   10310,  11067,  13477,  13817,  14310,  23968, 33115,
    35531, 45291, 122165, 127849, 134423, 208750, 314239, 347239, 457916, 502712, 515764};

}  // namespace

BOOST_AUTO_TEST_SUITE(simulation)

BOOST_AUTO_TEST_CASE(one_seed_is_one_history) {
  std::array<std::string, 2> traces;
  for (std::string& trace : traces) {
    (void)run_history(7, [&](const std::string& line) { trace += line + "\n"; });
  }
  BOOST_TEST(!traces[0].empty());
  BOOST_TEST((traces[0] == traces[1]));
}

BOOST_AUTO_TEST_CASE(histories_that_once_broke_an_invariant_hold) {
  for (const std::uint64_t seed : kOnceBroken) {
    const History history = run_history(seed);
    BOOST_TEST(!history.broken, "seed " << seed << ": " << history.broken.value_or(""));
  }
}

BOOST_AUTO_TEST_CASE(no_history_breaks_an_invariant) {
  const Tally tally = run_histories(
      {.count = 10000,
       .limit = kTime,
       .workers = std::max(1U, std::thread::hardware_concurrency())},
      [](std::uint64_t seed, const std::string& what) {
        BOOST_TEST_ERROR("seed " << seed << ": " << what << "\nreplay: bin/lastword-sim --seed "
                                 << seed << " --trace");
      });
  BOOST_TEST_MESSAGE(tally.histories << " histories");
  BOOST_TEST(tally.histories > 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::sim
