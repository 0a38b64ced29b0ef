// What happens to the nodes and what their operators do, at random times, until faults stop; and
// what an operator does then who follows docs/operations.md.
//
// An operator may do anything that the documents allow, at the wrong time too: `start` twice,
// `stop` under load, `takeover` of a partner that lives, by both at once. What no document allows
// is not done: registering by hand, `label` while the partner holds a disk, a service that is told
// to go on after it met a conflict.
#pragma once

#include "tests/sim/world.h"

namespace lastword::sim {

// Boots both nodes, and from then on draws faults and commands until world.calm.
void begin_chaos(World& world);

// Faults have stopped: brings both nodes up and finishes what is left, one command at a time, as
// the exit statuses say. Called again and again; does nothing while something is at work.
void tidy_up(World& world, std::uint8_t node);
// Whether tidy_up() would do something now.
[[nodiscard]] bool has_something_to_do(World& world, std::uint8_t node);

}  // namespace lastword::sim
