// lastword status: both nodes, all disks, dumps and mailbox disks, as they are now.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "agent/base/json.h"
#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/status_text.h"
#include "agent/node/config_file.h"
#include "agent/records/status_run.h"

namespace lastword {
namespace {

constexpr milliseconds kWatchInterval{2000};

struct StatusOptions {
  bool json = false;
  bool watch = false;
};

void print_status(const pb::StatusReport& report, const StatusOptions& options) {
  if (options.json && options.watch) {
    fmt::print("{}\n", to_json_line(report));
  } else if (options.json) {
    print_json(report);
  } else {
    const bool redraws = options.watch && ::isatty(STDOUT_FILENO) == 1;
    // Cursor to the first line, screen cleared (ECMA-48 CUP, ED).
    fmt::print("{}{}{}", redraws ? "\x1b[H\x1b[2J" : "", options.watch ? report.time() + "\n" : "",
               format_status(report));
  }
  (void)std::fflush(stdout);
}

int run_status(const std::string& config_path, const StatusOptions& options) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  Surveyor surveyor(*config, real_shelf(), real_executor());
  StatusRun status(*config, surveyor);
  const StopRequest stop;
  for (;;) {
    const auto report = status.look();
    if (!report) return report_error(report.error());
    print_status(*report, options);
    if (!options.watch) return report->attention() ? kExitNo : kExitOk;
    const Instant next = real_executor().now() + kWatchInterval;
    while (real_executor().now() < next && !StopRequest::wanted()) {
      real_executor().sleep(kPollInterval);
    }
    if (StopRequest::wanted() || std::ferror(stdout) != 0) return kExitOk;
  }
}

}  // namespace

void add_status_command(Parser& parser, const CommandContext& context) {
  const auto options = std::make_shared<StatusOptions>();
  CliCommand command = parser.command(
      "status", "Show both nodes, whether takeover is possible, every disk, dump and mailbox disk");
  command.flag("--json", options->json, "Print JSON; with --watch a line each time");
  command.flag("--watch", options->watch, "Again every two seconds, until Ctrl-C");
  command.runs([&context, options] { return run_status(context.config_path, *options); });
}

}  // namespace lastword
