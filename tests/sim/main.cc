// lastword-sim [--seed S] [--histories N] [--trace]: runs N histories from seed S on, and ends with
// status 1 at the first that breaks an invariant, with the command that replays it as a trace.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "tests/sim/history.h"

namespace {

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t histories = 1;
  bool trace = false;
  bool all = false;  // go on after a broken one
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--trace") {
      options.trace = true;
    } else if (word == "--all") {
      options.all = true;
    } else if (i + 1 < argc && word == "--seed") {
      options.seed = std::strtoull(argv[++i], nullptr, 0);
    } else if (i + 1 < argc && word == "--histories") {
      options.histories = std::strtoull(argv[++i], nullptr, 0);
    } else {
      fmt::print(stderr, "usage: {} [--seed S] [--histories N] [--all] [--trace]\n", argv[0]);
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  using lastword::sim::run_history;
  Options options;
  if (!parse(argc, argv, options)) return 2;
  const std::string folder = lastword::sim::history_folder();
  std::function<void(const std::string&)> tell;
  if (options.trace) tell = [](const std::string& line) { fmt::print("{}\n", line); };
  const auto begun = std::chrono::steady_clock::now();
  std::uint64_t broken = 0;
  std::uint64_t left = 0;
  std::uint64_t steps = 0;
  std::int64_t simulated_ms = 0;
  std::uint64_t done = 0;
  for (; done < options.histories; ++done) {
    const std::uint64_t seed = options.seed + done;
    const auto history = run_history(seed, folder, tell);
    steps += history.steps;
    simulated_ms += history.simulated_ms;
    if (history.left) ++left;
    if (!history.broken) continue;
    ++broken;
    fmt::print("seed {}: {}\n  replay: {} --seed {} --trace\n", seed, *history.broken, argv[0],
               seed);
    if (!options.all) break;
  }
  std::filesystem::remove_all(folder);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  const std::uint64_t count = std::min(done + 1, options.histories);
  fmt::print(
      "{} histories, {} broken, {} left to hands; {} steps, {:.0f} s simulated in {:.1f} s: "
      "{:.0f} a minute\n",
      count, broken, left, steps, static_cast<double>(simulated_ms) / 1000, took.count(),
      60 * static_cast<double>(count) / took.count());
  return broken == 0 ? 0 : 1;
}
