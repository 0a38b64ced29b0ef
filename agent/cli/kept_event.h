// What a command has done, for `lastword history`.
#pragma once

#include <string>

#include "agent/node/event.h"
#include "agent/protocol/config.h"

namespace lastword {

// Returns when it is kept, or a moment later. Says on standard error why it is not; a command does
// not fail for that.
void keep_event(const Config& config, const std::string& program, const Event& event);

}  // namespace lastword
