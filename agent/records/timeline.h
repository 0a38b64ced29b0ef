// An incident drawn as a picture, from the events that were told: a bar for each disk, whose it was
// and when, and a mark for each step. Pure; the SVG is written by hand, as a drawing needs no
// library.
#pragma once

#include <string>

#include "agent/records/history.pb.h"

namespace lastword {

// An SVG of its own: colours, and a background that follows the reader's light or dark.
// `node` and `partner` are the names in the legend.
[[nodiscard]] std::string draw_timeline(const pb::HistoryIncident& incident,
                                        const std::string& node, const std::string& partner);

}  // namespace lastword
