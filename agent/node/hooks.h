// The operator's own programs, run at events.
#pragma once

#include <string>

#include "proto/error.h"

namespace lastword {

// Runs `program` with LASTWORD_EVENT and LASTWORD_DETAIL in its environment and waits for it; one
// at a time, whoever calls. An empty program is no hook. kIo when it could not be started or ended
// with a status other than 0.
[[nodiscard]] Status run_hook(const std::string& program, const std::string& event,
                              const std::string& detail);

}  // namespace lastword
