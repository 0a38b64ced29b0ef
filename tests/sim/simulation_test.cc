// Histories of two nodes (README.md): as many as fit, and those that once broke an invariant.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <filesystem>

#include "tests/sim/history.h"

namespace lastword::sim {
namespace {

constexpr std::chrono::seconds kTime{25};

void require_sound(std::uint64_t seed, const std::string& folder) {
  const History history = run_history(seed, folder);
  BOOST_TEST_REQUIRE(!history.broken, "seed " << seed << ": " << history.broken.value_or("")
                                              << "\nreplay: bin/lastword-sim --seed " << seed
                                              << " --trace");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(simulation)

BOOST_AUTO_TEST_CASE(one_seed_is_one_history) {
  const std::string folder = history_folder();
  std::string first;
  std::string second;
  (void)run_history(7, folder, [&](const std::string& line) { first += line + "\n"; });
  (void)run_history(7, folder, [&](const std::string& line) { second += line + "\n"; });
  BOOST_TEST(!first.empty());
  BOOST_TEST((first == second));
  std::filesystem::remove_all(folder);
}

BOOST_AUTO_TEST_CASE(no_history_breaks_an_invariant) {
  const std::string folder = history_folder();
  const auto end = std::chrono::steady_clock::now() + kTime;
  std::uint64_t seed = 1;
  while (std::chrono::steady_clock::now() < end) require_sound(seed++, folder);
  BOOST_TEST_MESSAGE(seed - 1 << " histories");
  std::filesystem::remove_all(folder);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::sim
