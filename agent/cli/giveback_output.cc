#include "agent/cli/giveback_output.h"

#include <fmt/format.h>

#include "agent/cli/command.h"
#include "agent/cli/table.h"
#include "agent/service/giveback.pb.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

pb::GivebackReportMessage as_message(const Config& config, const GivebackReport& report,
                                     ReportKind kind) {
  pb::GivebackReportMessage message;
  message.set_dry_run(kind == ReportKind::kForecast);
  message.set_complete(report.complete);
  message.set_partner(config.partner.name);
  message.set_problem(report.problem);
  for (const auto& disk : report.disks) {
    auto* out = message.add_disks();
    out->set_path(disk.path);
    out->set_disk_uuid(disk.uuid);
    out->set_role(std::string(name_of(disk.role)));
    out->set_outcome(disk.outcome);
    out->set_detail(disk.detail);
  }
  for (const auto& veto : report.vetoes) {
    auto* out = message.add_vetoes();
    out->set_disk(veto.disk);
    out->set_reason(veto.reason);
    out->set_remedy(veto.remedy);
    out->set_flag(veto.flag);
  }
  return message;
}

void print_table(const GivebackReport& report, ReportKind kind) {
  Table table({{"DISK"},
               {"ROLE"},
               {kind == ReportKind::kForecast ? "WOULD GO BACK" : "OUTCOME"},
               {"HEADER"}});
  for (const auto& disk : report.disks) {
    table.add({disk.path, std::string(name_of(disk.role)), disk.outcome, disk.detail});
  }
  fmt::print("{}", table.text());
  for (const auto& veto : report.vetoes) {
    fmt::print("NO: {}{}{}\n    {}\n", veto.disk, veto.disk.empty() ? "" : ": ", veto.reason,
               veto.remedy);
  }
  if (!report.problem.empty()) complain("lastword: giveback: {}\n", report.problem);
}

}  // namespace

int print_giveback(const Config& config, const Result<GivebackReport>& report, ReportKind kind,
                   bool json) {
  if (!report) return report_error(report.error());
  if (json) {
    print_json(as_message(config, *report, kind));
  } else {
    print_table(*report, kind);
  }
  if (report->complete) return kExitOk;
  return kind == ReportKind::kDone && !report->vetoes.empty() ? kExitRefused : kExitNo;
}

}  // namespace lastword
