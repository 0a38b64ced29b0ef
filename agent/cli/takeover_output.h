// What `lastword takeover` and `lastword agent` print: events while they work, the report at the
// end. With `json` the report has standard output for itself, and events go to standard error.
#pragma once

#include "agent/node/event.h"
#include "agent/protocol/config.h"
#include "agent/takeover/takeover_report.h"

namespace lastword {

// Prints each event as one line, at once. May be called from several threads.
[[nodiscard]] EventSink event_printer(const Config& config, bool json);

enum class ReportKind : std::uint8_t { kDone, kForecast };

// Prints the report, or on an error what went wrong. Returns the exit status: kExitNo where the
// takeover is (or would be) incomplete.
[[nodiscard]] int print_takeover(const Config& config, const Result<TakeoverReport>& report,
                                 ReportKind kind, bool json);

}  // namespace lastword
