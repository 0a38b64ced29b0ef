#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>

#include <csignal>
#include <exception>

#include "agent/cli/command.h"
#include "agent/node/config_file.h"
#include "storage/block/standard_files.h"

namespace {

// A reader that goes away must not end a takeover: it is an error of the output, told at the end.
int run(lastword::Parser& parser, int argc, char** argv) {
  int status = lastword::kExitIo;
  try {
    status = parser.run(argc, argv);
  } catch (const std::exception& error) {  // no output, no memory, no threads
    lastword::complain("lastword: {}\n", error.what());
    return lastword::kExitIo;
  }
  const lastword::Status printed = lastword::finish_output();
  return printed ? status : lastword::report_error(printed.error());
}

}  // namespace

int main(int argc, char** argv) {
  lastword::fill_standard_files();
  (void)std::signal(SIGPIPE, SIG_IGN);
  // What cannot be parsed is an Error; protobuf would print a line of its own, at each reading.
  google::protobuf::SetLogHandler(nullptr);
  lastword::Parser parser("Crash dumps and takeover for two nodes that share a shelf of disks.",
                          "lastword", LASTWORD_VERSION);
  lastword::CommandContext context;
  parser.option("--config", context.config_path, "Configuration file")
      .value_name("FILE")
      .default_value(lastword::kDefaultConfigPath);
  // In the order that help shows them: the order of use.
  lastword::add_config_command(parser, context);
  lastword::add_label_command(parser, context);
  lastword::add_inspect_command(parser, context);
  lastword::add_start_command(parser, context);
  lastword::add_stop_command(parser, context);
  lastword::add_halt_command(parser, context);
  lastword::add_candidates_command(parser, context);
  lastword::add_arm_command(parser, context);
  lastword::add_disarm_command(parser, context);
  lastword::add_check_command(parser, context);
  lastword::add_status_command(parser, context);
  lastword::add_history_command(parser, context);
  lastword::add_agent_command(parser, context);
  lastword::add_takeover_command(parser, context);
  lastword::add_handover_command(parser, context);
  lastword::add_giveback_command(parser, context);
  lastword::add_switch_commands(parser, context);
  lastword::add_recover_command(parser, context);
  lastword::add_clone_command(parser, context);
  return run(parser, argc, argv);
}
