// lastword disarm: a crash is not dumped any more.
#include <fmt/format.h>

#include "agent/arm/arm_run.h"
#include "agent/cli/agent_notice.h"
#include "agent/cli/command.h"
#include "agent/disks/survey.h"
#include "agent/node/config_file.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"

namespace lastword {
namespace {

int run_disarm(const std::string& config_path) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const AgentNotice notice(*config);
  const auto lock = lock_state(*config);
  if (!lock) return report_error(lock.error());
  const auto state = load_last_life(*config);
  if (!state) {
    if (state.error().code != Code::kNotFound) return report_error(state.error());
    fmt::print("{}: not in service since boot; nothing to disarm.\n", config->self.name);
    return kExitOk;
  }
  const auto survey = survey_disks(*config);
  if (!survey) return report_error(survey.error());
  const auto report = disarm_node(*config, *state, *survey, real_crash_kernel());
  if (!report) return report_error(report.error());
  fmt::print("Disarmed: {} disks, the capture image is unloaded.\n", report->disks);
  for (const Error& error : report->leftovers) report_error(error);
  return report->leftovers.empty() ? kExitOk : kExitNo;
}

}  // namespace

void add_disarm_command(Parser& parser, const CommandContext& context) {
  CliCommand command =
      parser.command("disarm", "Undo arm: unload the capture image, free its disks");
  command.runs([&context] { return run_disarm(context.config_path); });
}

}  // namespace lastword
