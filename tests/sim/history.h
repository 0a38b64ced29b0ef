// One history: a safety phase in which everything of faults.h may happen, then a liveness phase in
// which faults stop and the nodes must come to rest.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace lastword::sim {

class World;

struct History {
  std::optional<std::string> broken;  // the first invariant that was
  std::optional<std::string> left;    // sound, but at its end there was work for hands
  std::uint64_t steps = 0;
  std::int64_t simulated_ms = 0;
};

// `tell`: takes the trace, line by line; may be empty.
[[nodiscard]] History run_history(std::uint64_t seed,
                                  const std::function<void(const std::string&)>& tell = {});

// Faults have stopped: an operator does what docs/operations.md says until both nodes are at rest.
// Otherwise world.broken, or world.left.
void come_to_rest(World& world);

}  // namespace lastword::sim
