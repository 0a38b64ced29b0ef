// What `lastword status` prints for people.
#pragma once

#include <string>

#include "agent/records/status.pb.h"

namespace lastword {

// The first line says whether all is well, or the one thing to do.
[[nodiscard]] std::string format_status(const pb::StatusReport& report);

// The same report without what changes by itself as time goes on: two that are equal then say the
// same.
[[nodiscard]] pb::StatusReport without_ages(pb::StatusReport report);

}  // namespace lastword
