// lastword clone send of a thin pool: a snapshot of it as a clone stream, with the family tree that
// a pool needs which shares blocks by snapshots of whole volumes only.
#pragma once

#include <string>

#include "agent/transfer/lvm_commands.h"
#include "agent/transfer/send_run.h"

namespace lastword {

// Of the request `set` does not count; kUsage: `against`, or a start. Errors as send_set() has
// them; kIo where the metadata snapshot is lost meanwhile. kUnsupported: the pool's blocks are
// larger than 1 MiB, or no power of two.
[[nodiscard]] Result<pb::CloneTransfer> send_thin(LvmCommands& commands, const ThinPlace& place,
                                                  const SendRequest& request);

// verify_snapshot() of a thin pool.
[[nodiscard]] Result<pb::CloneSnapshot> verify_thin(LvmCommands& commands, const ThinPlace& place,
                                                    const std::string& uuid);

// UUID of the newest snapshot. kNotFound: there is none.
[[nodiscard]] Result<std::string> newest_thin_snapshot(const LvmPool& pool);

}  // namespace lastword
