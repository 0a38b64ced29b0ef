// Prints giveback reports.
#pragma once

#include "agent/cli/takeover_output.h"
#include "agent/service/giveback_report.h"

namespace lastword {

// A table, or JSON. Returns the exit status: kExitRefused where a veto kept it from touching
// anything.
[[nodiscard]] int print_giveback(const Config& config, const Result<GivebackReport>& report,
                                 ReportKind kind, bool json);

}  // namespace lastword
