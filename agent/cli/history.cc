// lastword history: takeovers, givebacks and dumps of the past, with the time to each step.
#include <fmt/format.h>

#include <memory>

#include "agent/base/text_file.h"
#include "agent/cli/command.h"
#include "agent/cli/history_text.h"
#include "agent/node/config_file.h"
#include "agent/node/history_file.h"
#include "agent/records/history_plan.h"
#include "agent/records/timeline.h"

namespace lastword {
namespace {

struct HistoryOptions {
  bool json = false;
  std::string timeline;
};

Status write_timeline(const pb::HistoryReport& report, const std::string& path) {
  const pb::HistoryIncident* incident = newest_to_draw(report);
  if (incident == nullptr) {
    return fail(
        {.code = Code::kNotFound,
         .operation = "draw timeline",
         .disk = path,
         .detail = "no takeover, giveback, handover or return is kept; nothing was written"});
  }
  return replace_file(path, draw_timeline(*incident, report.node(), report.partner()), 0644);
}

int run_history(const std::string& config_path, const HistoryOptions& options) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const auto history = load_history(*config);
  if (!history) return report_error(history.error());
  pb::HistoryReport report;
  report.set_node(config->self.name);
  report.set_partner(config->partner.name);
  report.set_skipped_lines(history->skipped);
  for (pb::HistoryIncident& one : incidents(history->lines)) {
    *report.add_incidents() = std::move(one);
  }
  if (options.json) {
    print_json(report);
  } else if (options.timeline.empty()) {
    fmt::print("{}", format_history(report));
  }
  if (options.timeline.empty()) return kExitOk;
  const Status drawn = write_timeline(report, options.timeline);
  if (drawn) return kExitOk;
  const int status = report_error(drawn.error());
  return newest_to_draw(report) == nullptr ? kExitNo : status;
}

}  // namespace

void add_history_command(Parser& parser, const CommandContext& context) {
  const auto options = std::make_shared<HistoryOptions>();
  CliCommand command = parser.command(
      "history", "Show takeovers, givebacks and dumps of the past, with the time to each step");
  command.flag("--json", options->json, "Print JSON");
  command
      .option("--timeline", options->timeline,
              "Draw the newest takeover, or else the newest giveback, handover or return, into "
              "this file")
      .value_name("FILE.svg");
  command.runs([&context, options] { return run_history(context.config_path, *options); });
}

}  // namespace lastword
