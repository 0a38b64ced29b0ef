// lastword-sim [--seed S] [--histories N] [--jobs J] [--all] [--trace]: runs N histories from seed
// S on, and ends with status 1 at the first that breaks an invariant, with the command that replays
// it as a trace.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "tests/sim/history.h"
#include "tests/sim/pool.h"

namespace lastword::sim {
namespace {

struct Options {
  Histories histories{.workers = std::max(1U, std::thread::hardware_concurrency())};
  bool trace = false;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--trace") {
      options.trace = true;
    } else if (word == "--all") {
      options.histories.go_on = true;
    } else if (i + 1 < argc && word == "--seed") {
      options.histories.first_seed = std::strtoull(argv[++i], nullptr, 0);
    } else if (i + 1 < argc && word == "--histories") {
      options.histories.count = std::strtoull(argv[++i], nullptr, 0);
    } else if (i + 1 < argc && word == "--jobs") {
      options.histories.workers = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 0));
    } else {
      fmt::print(stderr, "usage: {} [--seed S] [--histories N] [--jobs J] [--all] [--trace]\n",
                 argv[0]);
      return false;
    }
  }
  return options.histories.workers > 0;
}

int trace(const Options& options) {
  const History history = run_history(options.histories.first_seed,
                                      [](const std::string& line) { fmt::print("{}\n", line); });
  return history.broken ? 1 : 0;
}

int run(const Options& options, const char* program) {
  const auto begun = std::chrono::steady_clock::now();
  const Tally tally =
      run_histories(options.histories, [&](std::uint64_t seed, const std::string& what) {
        fmt::print("seed {}: {}\n  replay: {} --seed {} --trace\n", seed, what, program, seed);
        (void)std::fflush(stdout);
      });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  fmt::print(
      "{} histories, {} broken, {} left to hands; {} steps, {:.0f} s simulated in {:.1f} s: "
      "{:.0f} a minute\n",
      tally.histories, tally.broken, tally.left, tally.steps,
      static_cast<double>(tally.simulated_ms) / 1000, took.count(),
      60 * static_cast<double>(tally.histories) / took.count());
  return tally.broken == 0 ? 0 : 1;
}

}  // namespace
}  // namespace lastword::sim

int main(int argc, char** argv) {
  lastword::sim::Options options;
  if (!lastword::sim::parse(argc, argv, options)) return 2;
  return options.trace ? lastword::sim::trace(options) : lastword::sim::run(options, argv[0]);
}
