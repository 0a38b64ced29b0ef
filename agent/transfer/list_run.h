// lastword clone list: the tree of volumes, clones and snapshots below a directory.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "agent/transfer/clone.pb.h"
#include "agent/transfer/list_plan.h"
#include "proto/error.h"

namespace lastword {

// `directory` is a set or a pool of sets. Volumes that are written meanwhile are shown as they were
// at some moment. Order: each volume behind its parent, children by path.
[[nodiscard]] Result<pb::CloneList> list_clones(const std::string& directory);

// Of volumes with path, kind and size, and the map of each: the list, but for the pool's figures.
// Pure.
[[nodiscard]] pb::CloneList arrange_list(std::vector<pb::CloneListed> volumes,
                                         std::span<const ListedVolume> maps);

}  // namespace lastword
