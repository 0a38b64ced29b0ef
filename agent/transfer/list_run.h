// lastword clone list: the tree of volumes, clones and snapshots below a directory.
#pragma once

#include <string>

#include "agent/transfer/clone.pb.h"
#include "proto/error.h"

namespace lastword {

// `directory` is a set or a pool of sets. Volumes that are written meanwhile are shown as they were
// at some moment. Order: each volume behind its parent, children by path.
[[nodiscard]] Result<pb::CloneList> list_clones(const std::string& directory);

}  // namespace lastword
