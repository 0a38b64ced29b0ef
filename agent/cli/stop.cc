// lastword stop: hands this node's disks back, cleanly.
#include "agent/cli/agent_notice.h"
#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/stop_output.h"
#include "agent/daemon/agent_run.h"
#include "agent/node/config_file.h"
#include "agent/service/stop_run.h"

namespace lastword {
namespace {

int run_stop(const std::string& config_path) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const AgentNotice notice(*config);
  const Interruption interruption(
      "interrupted: some disks may be released and others not; `lastword stop` again releases the "
      "rest");
  const auto report =
      stop_node(*config, hands_of_this_machine(*config).disarm, disks_of_this_machine(*config));
  return print_stop(*config, report);
}

}  // namespace

void add_stop_command(Parser& parser, const CommandContext& context) {
  CliCommand command =
      parser.command("stop", "Disarm, and release this node's disks for a clean shutdown");
  command.runs([&context] { return run_stop(context.config_path); });
}

}  // namespace lastword
