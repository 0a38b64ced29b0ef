// lastword check: one screen and an exit status.
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "agent/arm/check_run.h"
#include "agent/cli/command.h"
#include "agent/daemon/control_client.h"
#include "agent/node/config_file.h"

namespace lastword {
namespace {

void print_report(const Config& config, const pb::CheckReport& report) {
  fmt::print("A crash of {} now would {}be dumped.\n", config.self.name,
             report.would_dump() ? "" : "NOT ");
  for (const pb::CheckedCandidate& row : report.candidates()) {
    fmt::print("  {}. {:<12} {}: {}\n", row.rank(),
               row.disk().empty() ? row.disk_uuid() : row.disk(),
               row.valid() ? "ready" : "passed over", row.reason());
  }
  fmt::print(
      "{} would {}take over: {} of {} service disks in service, mailbox disks {}/{} here, "
      "{}/{} there.\n",
      config.partner.name, report.would_be_taken_over() ? "" : "NOT ",
      report.service_disks_in_service(), report.service_disks(), report.mailbox_registered(),
      report.mailbox_disks(), report.mailbox_partner_registered(), report.mailbox_disks());
  for (const pb::CheckProblem& problem : report.problems()) {
    fmt::print("NO: {} -> {}\n", problem.what(), problem.advice());
  }
  for (const std::string& note : report.notes()) fmt::print("note: {}\n", note);
}

PathReport path_of(const pb::StatusAgentPath& told) {
  PathReport path{
      .kind = told.kind() == "link" ? PathReport::Kind::kLink : PathReport::Kind::kMailboxDisk,
      .name = told.name(),
      .where = told.where(),
      .heard = told.messages(),
      .one_way = told.one_way(),
      .problem = told.problem()};
  if (told.heard()) path.age = milliseconds(static_cast<std::int64_t>(told.age_ms()));
  for (const pb::StatusDropped& one : told.dropped()) {
    path.dropped.push_back({.reason = one.reason(), .count = one.count()});
  }
  return path;
}

std::optional<AgentPaths> ask_for_paths(const Config& config) {
  const auto reply = ask_agent(config.state_directory, pb::CONTROL_STATUS);
  if (!reply || !reply->done()) return std::nullopt;
  AgentPaths agent{.uptime = milliseconds(static_cast<std::int64_t>(reply->agent().uptime_ms())),
                   .paths = {}};
  for (const pb::StatusAgentPath& path : reply->agent().paths()) {
    agent.paths.push_back(path_of(path));
  }
  return agent;
}

int run_check(const std::string& config_path, bool json) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const auto situation = assess_situation(*config);
  if (!situation) return report_error(situation.error());
  auto facts = gather_check_facts(*config, *situation);
  if (!facts) return report_error(facts.error());
  if (!config->links.empty()) facts->agent = ask_for_paths(*config);
  const pb::CheckReport report = check_node(*facts);
  if (json) {
    print_json(report);
  } else {
    print_report(*config, report);
  }
  return report.problems().empty() ? kExitOk : kExitNo;
}

}  // namespace

void add_check_command(Parser& parser, const CommandContext& context) {
  auto json = std::make_shared<bool>(false);
  CliCommand command =
      parser.command("check", "Would a crash now be dumped and taken over? If not, say why");
  command.flag("--json", *json, "Print the answer as JSON");
  command.runs([&context, json] { return run_check(context.config_path, *json); });
}

}  // namespace lastword
