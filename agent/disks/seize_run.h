// Drives a Seize (agent/protocol/seize_plan.h) on a logical unit.
#pragma once

#include <optional>

#include "agent/protocol/seize_plan.h"
#include "storage/reserve/scsi_lun.h"

namespace lastword {

struct SeizeNotes {
  bool used_reset = false;
  bool preempted = false;
};

// Blocks for at most the lun's time-out for each command. Returns Seize::result(), with the disk's
// name; `notes` may be null.
[[nodiscard]] Status seize(ScsiLun& lun, const SeizeGoal& goal, SeizeNotes* notes = nullptr,
                           std::optional<SeizeView> seen = {});

}  // namespace lastword
