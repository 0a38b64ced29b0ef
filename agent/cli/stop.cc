// lastword stop: hands this node's disks back, cleanly.
#include <fmt/format.h>

#include "agent/arm/arm_run.h"
#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/kept_event.h"
#include "agent/node/config_file.h"
#include "agent/service/stop_run.h"

namespace lastword {
namespace {

Disarm disarm_with(const Config& config) {
  return [&config](const NodeState& state, const Survey& survey) -> Result<std::vector<Error>> {
    auto report = disarm_node(config, state, survey, real_crash_kernel());
    if (!report) return fail(report.error());
    return std::move(report->leftovers);
  };
}

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

int run_stop(const std::string& config_path) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const Interruption interruption(
      "interrupted: some disks may be released and others not; `lastword stop` again releases the "
      "rest");
  const auto report = stop_node(*config, disarm_with(*config), disks_of_this_machine(*config));
  if (!report) return report_error(report.error());
  if (report->outcome == StopOutcome::kNotInService) {
    fmt::print("{}: not in service since boot; nothing to stop.\n", config->self.name);
    return kExitOk;
  }
  if (report->outcome == StopOutcome::kStillArmed) {
    report_error(*report->disarm_problem);
    complain("lastword: still armed, so nothing was released\n");
    return kExitRefused;
  }
  const std::size_t failed = print_disks(*config, *report);
  keep_event(*config, "stop",
             {.name = "stopped",
              .disk = {},
              .detail = fmt::format("{} disks released, {} not", report->released, failed)});
  if (!report->state_kept) return report_error(report->state_kept.error());
  return failed == 0 ? kExitOk : kExitNo;
}

}  // namespace

void add_stop_command(Parser& parser, const CommandContext& context) {
  CliCommand command =
      parser.command("stop", "Disarm, and release this node's disks for a clean shutdown");
  command.runs([&context] { return run_stop(context.config_path); });
}

}  // namespace lastword
