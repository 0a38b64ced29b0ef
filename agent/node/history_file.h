// The events that a node keeps over reboots: PERSISTENT/history-ID, where ID is this node's; each
// line is one pb::HistoryLine as JSON. Several programs may append at once. Nothing is synced: a
// power cut may cost the lines of the last seconds.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "agent/node/event.h"
#include "agent/node/history.pb.h"
#include "agent/protocol/config.h"

namespace lastword {

// The file never grows beyond it. When it would, its older half goes.
inline constexpr std::size_t kHistoryBytes = std::size_t{1} << 20U;
// Of one line; a detail that would make it longer is cut.
inline constexpr std::size_t kHistoryDetailBytes = 1024;

// The line, with its end.
[[nodiscard]] std::string history_line(pb::HistoryLine line);

// Appends whole lines. Their older half goes first where the file would be longer than `most`.
// After an error the last line may be torn, which readers skip; otherwise the file is what it was.
// kNoSpace: the file system is full. Otherwise kIo. May hang with the file system.
[[nodiscard]] Status append_history(const Config& config, std::string_view lines,
                                    std::size_t most = kHistoryBytes);

struct History {
  std::vector<pb::HistoryLine> lines;  // in the order of the file
  std::size_t skipped = 0;             // lines that are torn, or not what lastword writes
};
// No file is an empty history. kIo: it cannot be read.
[[nodiscard]] Result<History> load_history(const Config& config);

}  // namespace lastword
