// The subcommands of `lastword`: one file each in cli/, help text beside its parser. To add one,
// write add_NAME_command and call it in main.cc.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "agent/cli/parser.h"
#include "proto/error.h"

namespace google::protobuf {
class Message;
}

namespace lastword {

// What all subcommands share. Lives as long as the parser.
struct CommandContext {
  std::string config_path;  // --config; known when a command runs
};

void add_agent_command(Parser& parser, const CommandContext& context);
void add_arm_command(Parser& parser, const CommandContext& context);
void add_candidates_command(Parser& parser, const CommandContext& context);
void add_check_command(Parser& parser, const CommandContext& context);
void add_clone_command(Parser& parser, const CommandContext& context);
void add_config_command(Parser& parser, const CommandContext& context);
void add_disarm_command(Parser& parser, const CommandContext& context);
void add_giveback_command(Parser& parser, const CommandContext& context);
void add_halt_command(Parser& parser, const CommandContext& context);
void add_handover_command(Parser& parser, const CommandContext& context);
void add_history_command(Parser& parser, const CommandContext& context);
void add_inspect_command(Parser& parser, const CommandContext& context);
void add_label_command(Parser& parser, const CommandContext& context);
void add_recover_command(Parser& parser, const CommandContext& context);
void add_start_command(Parser& parser, const CommandContext& context);
void add_status_command(Parser& parser, const CommandContext& context);
void add_stop_command(Parser& parser, const CommandContext& context);
// disable, enable and no-takeover.
void add_switch_commands(Parser& parser, const CommandContext& context);
void add_takeover_command(Parser& parser, const CommandContext& context);

// --metadata-offset of the subcommands that read one disk: find_metadata()'s `offset`.
void add_metadata_offset(CliCommand& command, std::optional<std::uint64_t>& offset);

// A message on standard error. That nobody can read it is no reason to fail: fmt::print() would
// throw. Escape characters become '?': names come from disks and command lines.
void print_message(std::string text);
template <class... Args>
void complain(fmt::format_string<Args...> format, Args&&... args) {
  print_message(fmt::format(format, std::forward<Args>(args)...));
}

// "lastword: <describe(error)>" on standard error, and that root may do it where the kernel forbade
// it to another user; returns the exit status that belongs to it.
int report_error(const Error& error);
// to_json() on standard output.
void print_json(const google::protobuf::Message& message);

}  // namespace lastword
