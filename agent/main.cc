#include <google/protobuf/stubs/logging.h>

#include "agent/cli/command.h"
#include "agent/node/config_file.h"

int main(int argc, char** argv) {
  // What cannot be parsed is an Error; protobuf would print a line of its own, at each reading.
  google::protobuf::SetLogHandler(nullptr);
  lastword::Parser parser("Crash dumps and takeover for two nodes that share a shelf of disks.",
                          "lastword", LASTWORD_VERSION);
  lastword::CommandContext context;
  parser.option("--config", context.config_path, "Configuration file")
      .default_value(lastword::kDefaultConfigPath);
  // In the order that help shows them: the order of use.
  lastword::add_label_command(parser, context);
  lastword::add_inspect_command(parser, context);
  lastword::add_start_command(parser, context);
  lastword::add_stop_command(parser, context);
  lastword::add_candidates_command(parser, context);
  lastword::add_arm_command(parser, context);
  lastword::add_disarm_command(parser, context);
  lastword::add_check_command(parser, context);
  lastword::add_agent_command(parser, context);
  lastword::add_takeover_command(parser, context);
  lastword::add_recover_command(parser, context);
  return parser.run(argc, argv);
}
