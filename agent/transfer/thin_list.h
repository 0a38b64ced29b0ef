// lastword clone list of a thin pool.
#pragma once

#include "agent/transfer/clone.pb.h"
#include "agent/transfer/lvm_commands.h"

namespace lastword {

// All volumes of the pool, those that LVM does not know included, at one moment.
[[nodiscard]] Result<pb::CloneList> list_thin_pool(LvmCommands& commands, const ThinPlace& place);

}  // namespace lastword
