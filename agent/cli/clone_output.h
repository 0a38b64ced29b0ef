// What `lastword clone` prints for people.
#pragma once

#include <string>

#include "agent/transfer/clone.pb.h"

namespace lastword {

// Of `clone list`: the tree, and the figures of the pool.
[[nodiscard]] std::string list_text(const pb::CloneList& list);

}  // namespace lastword
