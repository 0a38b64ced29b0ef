// Takes a snapshot of a set: all of its volumes, read-only, each with a UUID of its own.
#pragma once

#include <string>
#include <vector>

#include "agent/base/executor.h"
#include "agent/transfer/clone.pb.h"
#include "proto/error.h"

namespace lastword {

// How a volume of a set was found to be, before and after its copy was made.
struct Quiet {
  bool held = false;     // nobody had it open for writing, and who wants to has to wait
  bool changed = false;  // it was written meanwhile
};
// Are the copies of all volumes of one moment? One alone always is: FICLONE copies a file at one
// moment. Pure.
[[nodiscard]] bool is_one_point(const std::vector<Quiet>& volumes);

// Volumes that nobody has open for writing are held against it until all copies are made. Of the
// others it is found out afterwards whether one was written meanwhile; then all copies are made
// again, a few times. Where that never succeeds the snapshot has each volume at a moment of its
// own, and at_one_point is false. Writes through a shared memory mapping are not seen.
//
// kRefused: no volumes, a name that clones cannot have, or another lastword clone at work.
// kUnsupported: not an XFS, or one without reflink. On an error nothing has changed.
[[nodiscard]] Result<pb::CloneSnapshot> take_snapshot(const std::string& set, Executor& executor);

}  // namespace lastword
