#include "agent/cli/takeover_output.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <mutex>

#include "agent/base/executor.h"
#include "agent/cli/command.h"
#include "agent/cli/table.h"
#include "agent/takeover/takeover.pb.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

pb::TakeoverReportMessage as_message(const Config& config, const TakeoverReport& report,
                                     ReportKind kind) {
  pb::TakeoverReportMessage message;
  message.set_dry_run(kind == ReportKind::kForecast);
  message.set_complete(report.complete);
  message.set_partner(config.partner.name);
  for (const auto& disk : report.disks) {
    auto* out = message.add_disks();
    out->set_path(disk.path);
    out->set_disk_uuid(disk.uuid);
    out->set_role(std::string(name_of(disk.role)));
    out->set_outcome(disk.outcome);
    out->set_detail(disk.detail);
  }
  for (const std::string& obstacle : report.obstacles) message.add_obstacles(obstacle);
  return message;
}

void print_table(const TakeoverReport& report, ReportKind kind) {
  const bool forecast = kind == ReportKind::kForecast;
  Table table({{"DISK"},
               {"ROLE"},
               {forecast ? "WOULD BE TAKEN" : "OUTCOME"},
               {forecast ? "HEADER" : "DETAIL"}});
  for (const auto& disk : report.disks) {
    table.add({disk.path, std::string(name_of(disk.role)), disk.outcome, disk.detail});
  }
  fmt::print("{}", table.text());
  for (const std::string& obstacle : report.obstacles) fmt::print("NO: {}\n", obstacle);
}

}  // namespace

EventSink event_printer(const Config& config, bool json) {
  const auto mutex = std::make_shared<std::mutex>();
  return [mutex, node = config.self.name, json](const Event& event) {
    const std::lock_guard lock(*mutex);
    std::FILE* out = json ? stderr : stdout;
    // Nobody who reads is no reason to stop: fmt::print() would throw.
    (void)std::fputs((format_event(node, event, real_executor().unix_ms()) + "\n").c_str(), out);
    (void)std::fflush(out);
  };
}

int print_takeover(const Config& config, const Result<TakeoverReport>& report, ReportKind kind,
                   bool json) {
  if (!report) return report_error(report.error());
  if (json) {
    print_json(as_message(config, *report, kind));
  } else {
    print_table(*report, kind);
  }
  return report->complete ? kExitOk : kExitNo;
}

}  // namespace lastword
