#include <fmt/format.h>

#include "agent/cli/command.h"
#include "agent/node/config.h"

int main(int argc, char** argv) {
  CLI::App app("Crash dumps and takeover for two nodes that share a shelf of disks.", "lastword");
  app.set_version_flag("--version", LASTWORD_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  lastword::CommandContext context;
  app.add_option("--config", context.config_path, "Configuration file")
      ->default_val(lastword::kDefaultConfigPath);
  // In the order that help shows them: the order of use.
  lastword::add_label_command(app, context);
  lastword::add_inspect_command(app, context);
  lastword::add_start_command(app, context);
  lastword::add_stop_command(app, context);
  lastword::add_candidates_command(app, context);
  lastword::add_arm_command(app, context);
  lastword::add_disarm_command(app, context);
  lastword::add_check_command(app, context);
  lastword::add_agent_command(app, context);
  lastword::add_takeover_command(app, context);
  lastword::add_recover_command(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? lastword::kExitOk : lastword::kExitUsage;
  }
  return context.chosen();
}
