// `lastword history`, decided: which events belong together. Pure: the lines of the file in, a
// report out.
#pragma once

#include <span>
#include <vector>

#include "agent/node/history.pb.h"
#include "agent/records/history.pb.h"

namespace lastword {

// Takeovers, givebacks, handovers, returns and single events, in the order in which they began.
// Programs may have told their events at the same time, each in the order of its own. A takeover
// goes on over reboots, restarts of the agent and another `lastword takeover` until it is complete,
// the partner lives again, or a giveback begins.
[[nodiscard]] std::vector<pb::HistoryIncident> incidents(std::span<const pb::HistoryLine> lines);

// The newest takeover, else the newest of the others but notes; null: there is none.
[[nodiscard]] const pb::HistoryIncident* newest_to_draw(const pb::HistoryReport& report);

}  // namespace lastword
