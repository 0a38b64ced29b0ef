#include "agent/cli/stop_output.h"

#include <fmt/format.h>

#include "agent/cli/command.h"
#include "agent/cli/kept_event.h"

namespace lastword {
namespace {

// Returns how many were not released.
std::size_t print_disks(const Config& config, const StopReport& report) {
  for (const Error& error : report.still_armed) report_error(error);
  for (const Error& error : report.not_released) {
    complain("lastword: not released: {}\n", describe(error));
  }
  for (const DiskView& disk : report.unreadable) {
    complain("lastword: not released: {}: cannot tell whether it is this node's: {}\n",
             disk.info.path, describe(*disk.problem));
  }
  for (const std::string& path : report.kept) {
    fmt::print("{}: kept, it belongs to {} and was taken over\n", path, config.partner.name);
  }
  const std::size_t failed = report.not_released.size() + report.unreadable.size();
  fmt::print("{}: {} disks released, {} not.\n", config.self.name, report.released, failed);
  return failed;
}

}  // namespace

int print_stop(const Config& config, const Result<StopReport>& report) {
  if (!report) return report_error(report.error());
  if (report->outcome == StopOutcome::kNotInService) {
    fmt::print("{}: not in service since boot; nothing to stop.\n", config.self.name);
    return kExitOk;
  }
  if (report->outcome == StopOutcome::kStillArmed) {
    report_error(*report->disarm_problem);
    complain("lastword: still armed, so nothing was released\n");
    return kExitRefused;
  }
  const std::size_t failed = print_disks(config, *report);
  keep_event(config, "stop",
             {.name = "stopped",
              .disk = {},
              .detail = fmt::format("{} disks released, {} not", report->released, failed)});
  if (!report->state_kept) return report_error(report->state_kept.error());
  return failed == 0 ? kExitOk : kExitNo;
}

}  // namespace lastword
