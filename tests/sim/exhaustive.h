// Every way that a small scenario can go: two nodes, one disk of the service, one for dumps, one
// mailbox disk; both nodes' commands in every order, a crash of either between any two of them,
// one of them lost or late. all_ways.h says what is tried and what needs not be.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/sim/choices.h"
#include "tests/sim/random.h"

namespace lastword::sim {

class World;

struct Scenario {
  std::string name;
  std::string what;                     // one line
  std::function<void(World&)> prepare;  // from two nodes in service, to where it begins
  std::function<void(World&)> begin;
  Time window;  // from then on; afterwards faults stop, and both must come to rest
};
[[nodiscard]] const std::vector<Scenario>& scenarios();

// All runs of it within the bound.
[[nodiscard]] SearchFigures explore(const Scenario& scenario, const Bound& bound);
// What it did, in one line, and what the bound left out.
[[nodiscard]] std::string describe(const Scenario& scenario, const Bound& bound,
                                   const SearchFigures& figures,
                                   std::chrono::duration<double> took);
// One of them, as a trace.
[[nodiscard]] RunEnd replay(const Scenario& scenario, const ChoiceList& choices,
                            const std::function<void(const std::string&)>& tell);

}  // namespace lastword::sim
