// lastword-explore [--depth N] [--seconds S] [--jobs N] [--scenario NAME] [--choices LIST]: tries
// all ways of each scenario, or of one, within N choices from the undisturbed run. Ends with status
// 1 at the first that breaks an invariant, with the command that replays it as a trace.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>

#include "tests/sim/exhaustive.h"

namespace lastword::sim {
namespace {

struct Options {
  Bound bound;
  std::string scenario;               // empty: all
  std::optional<ChoiceList> choices;  // to replay
};

int usage(const char* program) {
  fmt::print(stderr,
             "usage: {} [--depth N] [--seconds S] [--jobs N] [--scenario NAME] [--choices LIST]\n"
             "scenarios:\n",
             program);
  for (const Scenario& scenario : scenarios()) {
    fmt::print(stderr, "  {:15} {}\n", scenario.name, scenario.what);
  }
  return 2;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string word = argv[i];
    const std::string value = argv[i + 1];
    if (word == "--depth") {
      options.bound.deviations = static_cast<unsigned>(std::strtoul(value.c_str(), nullptr, 10));
    } else if (word == "--seconds") {
      options.bound.limit = std::chrono::seconds(std::strtoul(value.c_str(), nullptr, 10));
    } else if (word == "--jobs") {
      options.bound.workers = static_cast<unsigned>(std::strtoul(value.c_str(), nullptr, 10));
    } else if (word == "--scenario") {
      options.scenario = value;
    } else if (word == "--choices") {
      options.choices = parse_choices(value);
      if (!options.choices) return false;
    } else {
      return false;
    }
  }
  return argc % 2 == 1 && (!options.choices || !options.scenario.empty());
}

int trace(const Scenario& scenario, const ChoiceList& choices) {
  const RunEnd end =
      replay(scenario, choices, [](const std::string& line) { fmt::print("{}\n", line); });
  return end.broken ? 1 : 0;
}

int run(const Scenario& scenario, const Bound& bound, const char* program) {
  const auto begun = std::chrono::steady_clock::now();
  const SearchFigures all = explore(scenario, bound);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  fmt::print("{}\n", describe(scenario, bound, all, took));
  if (all.broken) {
    fmt::print("{}: {}\n  replay: {} --scenario {} --choices {}\n", scenario.name, *all.broken,
               program, scenario.name, to_string(all.choices));
  }
  (void)std::fflush(stdout);
  return all.broken ? 1 : 0;
}

}  // namespace
}  // namespace lastword::sim

int main(int argc, char** argv) {
  using namespace lastword::sim;
  Options options;
  options.bound.workers = std::max(1U, std::thread::hardware_concurrency());
  if (!parse(argc, argv, options)) return usage(argv[0]);
  bool found = false;
  for (const Scenario& scenario : scenarios()) {
    if (!options.scenario.empty() && options.scenario != scenario.name) continue;
    found = true;
    if (options.choices) return trace(scenario, *options.choices);
    if (const int status = run(scenario, options.bound, argv[0]); status != 0) return status;
  }
  return found ? 0 : usage(argv[0]);
}
