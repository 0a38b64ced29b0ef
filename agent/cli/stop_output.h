// Prints what `lastword stop` and `lastword halt` did.
#pragma once

#include "agent/protocol/config.h"
#include "agent/service/stop_run.h"

namespace lastword {

// Returns the exit status.
[[nodiscard]] int print_stop(const Config& config, const Result<StopReport>& report);

}  // namespace lastword
