// lastword candidates: the whole table of disks, each with its place or the reason for its
// rejection.
#include <fmt/format.h>

#include <memory>

#include "agent/arm/arm_run.h"
#include "agent/cli/command.h"
#include "agent/cli/table.h"
#include "agent/node/config_file.h"

namespace lastword {
namespace {

void print_table(const pb::Candidates& report) {
  fmt::print("{} of memory, {} of it in use.\n\n", format_bytes(report.memory_bytes()),
             format_bytes(report.in_use_bytes()));
  if (report.disks().empty()) {
    fmt::print("No SCSI disk is in sight.\n");
    return;
  }
  Table table({{"PLACE"}, {"DISK"}, {"ROLE"}, {"DATA", true}, {"REASON"}});
  for (const pb::CandidateRow& row : report.disks()) {
    table.add({row.place() == 0 ? "-" : std::to_string(row.place()), row.disk(),
               row.role().empty() ? "-" : row.role(),
               row.role().empty() ? "-" : format_bytes(row.data_bytes()),
               row.reason() + (row.armed() ? " [armed]" : "")});
  }
  fmt::print("{}", table.text());
}

int run_candidates(const std::string& config_path, bool json) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const auto situation = assess_situation(*config);
  if (!situation) return report_error(situation.error());
  const auto choices = select_candidates(situation->survey, situation->examined, situation->policy);
  const pb::Candidates report = report_candidates(situation->survey, choices, situation->policy);
  if (json) {
    print_json(report);
  } else {
    print_table(report);
  }
  const bool any = !choices.empty() && choices.front().place != 0;
  return any ? kExitOk : kExitNo;
}

}  // namespace

void add_candidates_command(Parser& parser, const CommandContext& context) {
  auto json = std::make_shared<bool>(false);
  CliCommand command = parser.command(
      "candidates", "Show every disk: its place for a dump, or why it can have none");
  command.flag("--json", *json, "Print the table as JSON");
  command.runs([&context, json] { return run_candidates(context.config_path, *json); });
}

}  // namespace lastword
