// What `lastword inspect` prints for people.
#pragma once

#include <string>

#include "agent/records/inspect.pb.h"

namespace lastword {

[[nodiscard]] std::string format_report(const pb::InspectReport& report);

}  // namespace lastword
