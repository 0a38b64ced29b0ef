// lastword status: both nodes, all disks, dumps and mailbox disks, as they are now.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/base/json.h"
#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/status_text.h"
#include "agent/daemon/control_client.h"
#include "agent/node/config_file.h"
#include "agent/records/status_run.h"

namespace lastword {
namespace {

constexpr milliseconds kWatchInterval{1000};

struct StatusOptions {
  bool json = false;
  bool watch = false;
};

// What this node's agent says of itself, or why it says nothing.
pb::StatusAgent ask_for_status(const Config& config) {
  const auto reply = ask_agent(config.state_directory, pb::CONTROL_STATUS);
  if (reply && reply->done()) return reply->agent();
  pb::StatusAgent agent;
  if (!reply && reply.error().code == Code::kNotFound) {
    agent.set_state("not-running");
    agent.set_reason("this node's agent does not run: nobody takes over from " +
                     config.partner.name);
    agent.set_remedy("`systemctl start lastword-agent`");
    return agent;
  }
  agent.set_state("no-answer");
  agent.set_reason(reply ? reply->reason() : describe(reply.error()));
  agent.set_remedy(reply ? reply->remedy() : "`systemctl restart lastword-agent`");
  return agent;
}

// One look after the other.
class StatusPrinter {
 public:
  explicit StatusPrinter(const StatusOptions& options)
      : options_(options), redraws_(options.watch && ::isatty(STDOUT_FILENO) == 1) {}

  void print(const pb::StatusReport& report) {
    if (!options_.watch) return print_once(report);
    if (!redraws_ && !has_changed(report)) return;
    if (options_.json) {
      fmt::print("{}\n", to_json_line(report));
    } else {
      // Cursor to the first line, screen cleared (ECMA-48 CUP, ED).
      fmt::print("{}{}\n{}{}", redraws_ ? "\x1b[H\x1b[2J" : "", report.time(),
                 format_status(report), redraws_ ? "" : "\n");
    }
    (void)std::fflush(stdout);
  }

 private:
  void print_once(const pb::StatusReport& report) const {
    if (options_.json) return print_json(report);
    fmt::print("{}", format_status(report));
    (void)std::fflush(stdout);
  }
  bool has_changed(const pb::StatusReport& report) {
    const std::string now = to_json_line(without_ages(report));
    return std::exchange(last_, now) != now;
  }

  const StatusOptions& options_;
  bool redraws_;
  std::string last_;
};

int run_status(const std::string& config_path, const StatusOptions& options) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  Surveyor surveyor(*config, real_shelf(), real_executor());
  StatusRun status(*config, surveyor, [&] { return std::optional(ask_for_status(*config)); });
  StatusPrinter printer(options);
  const StopRequest stop;
  for (;;) {
    const auto report = status.look();
    if (!report) return report_error(report.error());
    printer.print(*report);
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
  command.flag("--json", options->json,
               "Print JSON; with --watch a line whenever something changes");
  command.flag(
      "--watch", options->watch,
      "Again every second, until Ctrl-C; where it is not a terminal, whenever something changes");
  command.runs([&context, options] { return run_status(context.config_path, *options); });
}

}  // namespace lastword
