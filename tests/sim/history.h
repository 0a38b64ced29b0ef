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

// `folder`: for the nodes' files; emptied first. On a file system in memory, since every state file
// is synced. `tell`: takes the trace, line by line; may be empty.
[[nodiscard]] History run_history(std::uint64_t seed, const std::string& folder,
                                  const std::function<void(const std::string&)>& tell = {});

// Faults have stopped: an operator does what docs/operations.md says until both nodes are at rest.
// Otherwise world.broken, or world.left.
void come_to_rest(World& world);

// A folder in memory for a process, this one if none is named.
[[nodiscard]] std::string history_folder(int pid = 0);

}  // namespace lastword::sim
