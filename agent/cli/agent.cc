// lastword agent: waits until the partner's failure shows, then takes over.
#include <fmt/format.h>

#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/takeover_output.h"
#include "agent/daemon/agent_run.h"
#include "agent/node/config_file.h"

namespace lastword {
namespace {

struct AgentOptions {
  bool boot = false;  // demanded by the parser, for there is no other way to run yet
  bool json = false;
};

int run_agent(const std::string& config_path, const AgentOptions& options) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const Interruption interruption(fmt::format(
      "the agent ends: until it runs again nobody takes over from {0}. A takeover that was begun "
      "stays begun; the agent goes on with it when it is started again, `lastword takeover` now",
      config->partner.name));
  Surveyor surveyor(*config, real_shelf(), real_executor());
  const EventSink events = event_printer(*config, options.json);
  const auto report =
      watch_and_take_over(*config, surveyor, events, hands_of_this_machine(*config));
  return print_takeover(*config, report, ReportKind::kDone, options.json);
}

}  // namespace

void add_agent_command(Parser& parser, const CommandContext& context) {
  const auto options = std::make_shared<AgentOptions>();
  CliCommand command = parser.command(
      "agent", "Wait until a coredump header shows that the partner has panicked, then take over.");
  command
      .flag("--boot", options->boot, "Started at boot: also finish a takeover that was interrupted")
      .required();
  command.flag("--json", options->json, "Print the report as JSON (events go to stderr)");
  command.runs([&context, options] { return run_agent(context.config_path, *options); });
}

}  // namespace lastword
