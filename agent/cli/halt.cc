// lastword halt: ends this node's service in good order, and stops; nobody takes over.
#include <memory>

#include "agent/cli/agent_notice.h"
#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/stop_output.h"
#include "agent/cli/takeover_output.h"
#include "agent/daemon/agent_run.h"
#include "agent/node/config_file.h"
#include "agent/node/history_log.h"
#include "agent/service/halt_run.h"

namespace lastword {
namespace {

int run_halt(const std::string& config_path, bool ignore_hook) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const AgentNotice notice(*config);
  const Interruption interruption(
      "interrupted: the service may have ended, and some disks may be released; `lastword halt` "
      "again does the rest");
  Surveyor surveyor(*config, real_shelf(), real_executor());
  const TakeoverHands hands = hands_of_this_machine(*config);
  const HistoryLog history(*config, "halt", real_executor(), event_printer(*config, false));
  const HaltWork work{.config = *config,
                      .surveyor = surveyor,
                      .events = history.sink(),
                      .run_hook = hands.run_hook,
                      .disarm = hands.disarm};
  const auto report = halt_node(work, ignore_hook, disks_of_this_machine(*config));
  history.wait();
  return print_stop(*config, report);
}

}  // namespace

void add_halt_command(Parser& parser, const CommandContext& context) {
  const auto ignore_hook = std::make_shared<bool>(false);
  CliCommand command = parser.command(
      "halt",
      "End this node's service by the hook service-leaving, then do what `lastword stop` does: the "
      "partner does not take over");
  command.flag("--ignore-hook", *ignore_hook,
               "Go on when the hook fails, if nothing uses the disks then");
  command.runs([&context, ignore_hook] { return run_halt(context.config_path, *ignore_hook); });
}

}  // namespace lastword
