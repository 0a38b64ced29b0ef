// lastword handover: leaves this node's disks to the partner in good order.
#include <fmt/format.h>

#include <memory>

#include "agent/cli/agent_notice.h"
#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/table.h"
#include "agent/cli/takeover_output.h"
#include "agent/daemon/agent_run.h"
#include "agent/disks/survey.h"
#include "agent/node/config_file.h"
#include "agent/node/history_log.h"
#include "agent/service/handover.pb.h"
#include "agent/service/handover_run.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

struct HandoverCommand {
  HandoverOptions accepted;
  bool dry_run = false;
  bool json = false;
};

pb::HandoverReportMessage as_message(const Config& config, const HandoverReport& report,
                                     bool dry_run) {
  pb::HandoverReportMessage message;
  message.set_dry_run(dry_run);
  message.set_complete(report.complete);
  message.set_partner(config.partner.name);
  message.set_problem(report.problem);
  for (const auto& disk : report.disks) {
    auto* out = message.add_disks();
    out->set_path(disk.path);
    out->set_disk_uuid(disk.uuid);
    out->set_role(std::string(name_of(disk.role)));
    out->set_outcome(disk.outcome);
  }
  for (const auto& veto : report.vetoes) {
    auto* out = message.add_vetoes();
    out->set_disk(veto.disk);
    out->set_reason(veto.reason);
    out->set_remedy(veto.remedy);
  }
  return message;
}

void print_table(const HandoverReport& report) {
  Table table({{"DISK"}, {"ROLE"}, {"OUTCOME"}});
  for (const auto& disk : report.disks) {
    table.add({disk.path, std::string(name_of(disk.role)), disk.outcome});
  }
  fmt::print("{}", table.text());
  for (const auto& veto : report.vetoes) {
    fmt::print("NO: {}{}{}\n    {}\n", veto.disk, veto.disk.empty() ? "" : ": ", veto.reason,
               veto.remedy);
  }
  if (!report.problem.empty()) complain("lastword: handover: {}\n", report.problem);
}

int print_handover(const Config& config, const Result<HandoverReport>& report,
                   const HandoverCommand& command) {
  if (!report) return report_error(report.error());
  if (command.json) {
    print_json(as_message(config, *report, command.dry_run));
  } else {
    print_table(*report);
  }
  if (report->complete) return kExitOk;
  return !command.dry_run && !report->vetoes.empty() ? kExitRefused : kExitNo;
}

int run_handover(const std::string& config_path, const HandoverCommand& command) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const AgentNotice notice(*config);
  const Interruption interruption(
      "interrupted: the service may have ended; `lastword handover` again goes on where this one "
      "was. `lastword status` says whether this node has left already; if not, the service may be "
      "started again here, and then `lastword arm`");
  Surveyor surveyor(*config, real_shelf(), real_executor());
  const TakeoverHands hands = hands_of_this_machine(*config);
  const HistoryLog history(*config, "handover", real_executor(),
                           event_printer(*config, command.json));
  const HandoverWork work{.config = *config,
                          .surveyor = surveyor,
                          .events = history.sink(),
                          .run_hook = hands.run_hook,
                          .disarm = hands.disarm,
                          .arm = hands.arm};
  const auto report = command.dry_run ? try_handover(work) : hand_over(work, command.accepted);
  history.wait();
  return print_handover(*config, report, command);
}

}  // namespace

void add_handover_command(Parser& parser, const CommandContext& context) {
  const auto options = std::make_shared<HandoverCommand>();
  CliCommand command = parser.command(
      "handover",
      "Leave this node's disks to the partner in good order: ends the service here by the hook "
      "service-leaving, and the partner's agent takes over. Interrupted, it may be run again.");
  command.flag("--dry-run", options->dry_run, "Only say what is against it");
  command.flag("--json", options->json, "Print the report as JSON (events go to stderr)");
  command.flag(
      "--ignore-hook", options->accepted.ignore_hook,
      "Go on when the hook service-leaving fails, if nothing uses the disks then, and where "
      "service-returned has not ended well before");
  command.runs([&context, options] { return run_handover(context.config_path, *options); });
}

}  // namespace lastword
