// What the operators of both nodes have forbidden, from all copies in sight.
#pragma once

#include <optional>

#include "agent/protocol/switches.h"

namespace lastword {

struct KnownSwitches {
  ClusterSwitches switches;
  std::optional<Error> problem;  // this machine's copy could not be read
};
// Of this node the file's and those that the survey read, of the partner the latter. May block as
// the file system does.
[[nodiscard]] KnownSwitches read_switches(const Config& config, const Survey& survey);

}  // namespace lastword
