// lastword clone snapshot of a thin pool: all of its volumes at one moment.
#pragma once

#include <vector>

#include "agent/base/executor.h"
#include "agent/transfer/clone.pb.h"
#include "agent/transfer/lvm_commands.h"

namespace lastword {

// LVM snapshots one volume after the other. So it makes the volumes of the snapshot, and then, with
// all volumes of the pool that are in use suspended, what they are in the pool is replaced by
// snapshots of that moment. File systems on them are frozen meanwhile.
//
// kRefused: no volumes, somebody else's metadata snapshot, or another lastword clone at work. On an
// error the set is as it was; what was made is removed by the next one.
[[nodiscard]] Result<pb::CloneSnapshot> take_thin_snapshot(LvmCommands& commands,
                                                           const ThinPlace& place,
                                                           Executor& executor);

// What each of `members`, none of which is active, is in the pool becomes a snapshot of the volume
// of the same place in `volumes`, all of one moment. On an error no volume is left suspended, and
// some members may be nothing in the pool.
[[nodiscard]] Status make_one_moment(LvmCommands& commands, const LvmPool& pool,
                                     const std::vector<LvmVolume>& volumes,
                                     const std::vector<LvmVolume>& members);

}  // namespace lastword
