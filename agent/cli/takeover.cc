// lastword takeover, lastword agent --boot: the same work, now or when the partner's failure shows.
#include <fmt/format.h>

#include <memory>
#include <mutex>

#include "agent/cli/command.h"
#include "agent/cli/table.h"
#include "agent/daemon/service_run.h"
#include "agent/disks/survey.h"
#include "agent/node/config_file.h"
#include "agent/node/state_files.h"
#include "agent/takeover/takeover.pb.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

struct TakeoverOptions {
  bool dry_run = false;
  bool json = false;
  bool boot = false;
};

// One line each; the JSON report has standard output for itself.
EventSink event_sink(const Config& config, bool json) {
  const auto mutex = std::make_shared<std::mutex>();
  return [mutex, node = config.self.name, json](const Event& event) {
    const std::lock_guard lock(*mutex);
    std::FILE* out = json ? stderr : stdout;
    fmt::print(out, "{}\n", format_event(node, event, real_executor().unix_ms()));
    (void)std::fflush(out);
  };
}

void print_report(const Config& config, const TakeoverReport& report,
                  const TakeoverOptions& options) {
  if (options.json) {
    pb::TakeoverReportMessage message;
    message.set_dry_run(options.dry_run);
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
    print_json(message);
    return;
  }
  Table table({{"DISK"},
               {"ROLE"},
               {options.dry_run ? "WOULD BE TAKEN" : "OUTCOME"},
               {options.dry_run ? "HEADER" : "DETAIL"}});
  for (const auto& disk : report.disks) {
    table.add({disk.path, std::string(name_of(disk.role)), disk.outcome, disk.detail});
  }
  fmt::print("{}", table.text());
  for (const std::string& obstacle : report.obstacles) fmt::print("NO: {}\n", obstacle);
}

int print_forecast(const Config& config, const TakeoverOptions& options) {
  const auto survey = survey_disks(config);
  if (!survey) return report_error(survey.error());
  const TakeoverReport report = forecast_takeover(config, load_node_state(config), *survey);
  print_report(config, report, options);
  return report.complete ? kExitOk : kExitNo;
}

int run_takeover(const std::string& config_path, const TakeoverOptions& options) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  if (options.dry_run) return print_forecast(*config, options);
  const EventSink events = event_sink(*config, options.json);
  Surveyor surveyor(*config, real_shelf(), real_executor());
  const auto report = options.boot ? watch_and_take_over(*config, surveyor, events)
                                   : take_over_now(*config, surveyor, events);
  if (!report) return report_error(report.error());
  print_report(*config, *report, options);
  return report->complete ? kExitOk : kExitNo;
}

}  // namespace

void add_takeover_command(Parser& parser, const CommandContext& context) {
  const auto options = std::make_shared<TakeoverOptions>();
  CliCommand command = parser.command(
      "takeover",
      "Take the partner's disks: service disks and unarmed spares at once, the disk its crash dump "
      "goes to when the dump is over. Interrupted, it may be run again.");
  command.flag("--dry-run", options->dry_run, "Only say which disk would be taken when");
  command.flag("--json", options->json, "Print the report as JSON (events go to stderr)");
  command.runs([&context, options] { return run_takeover(context.config_path, *options); });
}

void add_agent_command(Parser& parser, const CommandContext& context) {
  const auto options = std::make_shared<TakeoverOptions>();
  CliCommand command = parser.command(
      "agent", "Wait until a coredump header shows that the partner has panicked, then take over.");
  command
      .flag("--boot", options->boot, "Started at boot: also finish a takeover that was interrupted")
      .required();
  command.flag("--json", options->json, "Print the report as JSON (events go to stderr)");
  command.runs([&context, options] { return run_takeover(context.config_path, *options); });
}

}  // namespace lastword
