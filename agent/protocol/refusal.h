// A reason why something is not done, with what ends it.
#pragma once

#include <string>
#include <vector>

namespace lastword {

struct Refusal {
  std::string reason;
  std::string remedy;  // what the operator does, or what happens by itself
};
using Refusals = std::vector<Refusal>;  // all that stand, not the first one only

}  // namespace lastword
