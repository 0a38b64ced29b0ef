// What `lastword status` prints for people.
#pragma once

#include <string>

#include "agent/records/status.pb.h"

namespace lastword {

[[nodiscard]] std::string format_status(const pb::StatusReport& report);

}  // namespace lastword
