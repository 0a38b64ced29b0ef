// lastword giveback: gives the partner's disks back to the partner, which waits for them.
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/giveback_output.h"
#include "agent/cli/interruption.h"
#include "agent/daemon/agent_run.h"
#include "agent/disks/survey.h"
#include "agent/node/config_file.h"
#include "agent/node/history_log.h"
#include "agent/service/giveback_run.h"

namespace lastword {
namespace {

struct GivebackCommand {
  GivebackOptions accepted;
  bool dry_run = false;
  bool json = false;
};

int run_giveback(const std::string& config_path, const GivebackCommand& command) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const Interruption interruption(
      "interrupted: what was promised stays promised, and what the partner has it keeps; this "
      "node's "
      "agent goes on, or `lastword giveback` again");
  Surveyor surveyor(*config, real_shelf(), real_executor());
  const HistoryLog history(*config, "giveback", real_executor(),
                           event_printer(*config, command.json));
  const GivebackWork work{.config = *config,
                          .surveyor = surveyor,
                          .events = history.sink(),
                          .run_hook = hands_of_this_machine(*config).run_hook};
  if (command.dry_run) {
    return print_giveback(*config, try_giveback(work, command.accepted), ReportKind::kForecast,
                          command.json);
  }
  const auto report = give_back(work, command.accepted);
  history.wait();
  return print_giveback(*config, report, ReportKind::kDone, command.json);
}

}  // namespace

void add_giveback_command(Parser& parser, const CommandContext& context) {
  const auto options = std::make_shared<GivebackCommand>();
  CliCommand command = parser.command(
      "giveback",
      "Give the partner's disks back to the partner, which has rebooted and waits for them: dump "
      "disks first, its service when it is armed. Interrupted, it may be run again.");
  command.flag("--dry-run", options->dry_run,
               "Only say which disk would go when, and what is against it");
  command.flag("--json", options->json, "Print the report as JSON (events go to stderr)");
  command.flag("--leave-dump", options->accepted.leave_dump,
               "A dump that is not saved goes back on its disk, and the partner recovers it");
  command.flag("--ignore-hook", options->accepted.ignore_hook,
               "Go on when the hook service-returning fails, if nothing uses the disks then");
  command.flag("--unarmed", options->accepted.unarmed,
               "The service goes back to a partner that is not armed to dump");
  command
      .option("--to-life", options->accepted.to_life,
              "Without mailbox disks: the life in which the partner waits, as `lastword start` "
              "printed there")
      .value_name("NUMBER")
      .between(1, kMaxBootGeneration);
  command.runs([&context, options] { return run_giveback(context.config_path, *options); });
}

}  // namespace lastword
