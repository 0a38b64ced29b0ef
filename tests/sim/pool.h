// Many histories, in a process for each processor: a history has one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace lastword::sim {

struct Histories {
  std::uint64_t first_seed = 1;
  std::uint64_t count = 1;
  // Of real time; then no more are begun.
  std::chrono::seconds limit = std::chrono::hours(24 * 365);
  unsigned workers = 1;
  bool go_on = false;  // after one that broke an invariant
};

struct Tally {
  std::uint64_t histories = 0;
  std::uint64_t broken = 0;
  std::uint64_t left = 0;  // to hands
  std::uint64_t steps = 0;
  std::int64_t simulated_ms = 0;
};

// `on_broken` is told of each history that broke an invariant.
[[nodiscard]] Tally run_histories(
    const Histories& wanted,
    const std::function<void(std::uint64_t seed, const std::string& what)>& on_broken);

}  // namespace lastword::sim
