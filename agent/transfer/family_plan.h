// How volumes are made anew in a pool that shares blocks only by snapshots of whole volumes
// (dm-thin): which volume begins as a snapshot of which, and which joint ancestors have to be there
// for a while because the volumes' own are overwritten or deleted. Pure.
//
// dm-thin counts snapshots, and notes with each mapping how many there were when its block was
// written (`time`, drivers/md/dm-thin-metadata.c). Between two snapshots no volume divides. So all
// volumes that have a block of time t descend from one volume as it was at the end of t, and had
// there one and the same block at each place. Volumes join where their youngest common block is:
// the youngest first, all of one time at once. What two of them share is then never in the way of
// what two others share.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "agent/transfer/block_map.h"

namespace lastword {

struct FamilyParent {
  enum class Kind : std::uint8_t { kNone, kBase, kNode };
  Kind kind = Kind::kNone;
  std::size_t index = 0;  // of a base volume, or of a node before this one
};

struct FamilyNode {
  std::optional<std::size_t> volume;  // none: a joint ancestor, deleted when all are made
  FamilyParent parent;                // begins as its snapshot; kNone: begins empty
  std::vector<Mapping> content;       // what it has in the end; its blocks are all written ones
};

struct FamilyPlan {
  std::vector<FamilyNode> nodes;  // parents first
  // Blocks that no base volume has, each place and block counted once: less is not possible.
  std::uint64_t exact_bytes = 0;
  // What the pool takes for them when all nodes are there; exact_bytes if nothing is unshared.
  std::uint64_t made_bytes = 0;
};

// Block maps of volumes; those of `base` exist at the receiver, as they are here. `age` is the
// mapping's time. Without ages (all are equal), or where a block is at several places, volumes
// share less than they do here: made_bytes says it. At most kMaxCloneVolumes of each.
// kCorrupt: a map runs backwards, or says of one block that it has two ages.
[[nodiscard]] Result<FamilyPlan> plan_family(std::span<const std::vector<Mapping>> base,
                                             std::span<const std::vector<Mapping>> volumes);

// Bytes of `content` that are not the same block at the same place in `before`.
[[nodiscard]] std::uint64_t different_bytes(std::span<const Mapping> content,
                                            std::span<const Mapping> before);

}  // namespace lastword
