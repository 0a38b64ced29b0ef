// One vote of an arbitration (agent/protocol/arbitration.h), on one mailbox disk.
#pragma once

#include "agent/protocol/arbitration.h"
#include "storage/reserve/scsi_lun.h"

namespace lastword {

// Changes nothing but the partner's registration. Blocks for at most the lun's time-out for each
// command.
[[nodiscard]] Vote cast_vote(ScsiLun& lun, const SeizeGoal& goal);

}  // namespace lastword
