// What `lastword history` prints for people.
#pragma once

#include <string>

#include "agent/records/history.pb.h"

namespace lastword {

[[nodiscard]] std::string format_history(const pb::HistoryReport& report);

}  // namespace lastword
