// lastword takeover, lastword agent --boot: the same work, now or when the partner's failure shows.
#include <fmt/format.h>

#include <memory>
#include <mutex>

#include "agent/cli/command.h"
#include "agent/daemon/failure_watch.h"
#include "agent/disks/survey.h"
#include "agent/node/config_file.h"
#include "agent/node/hooks.h"
#include "agent/node/state_files.h"
#include "agent/recover/recover_disk.h"
#include "agent/takeover/takeover.pb.h"
#include "agent/takeover/takeover_run.h"
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
    fmt::print(out, "{}\n", format_event(node, event, std::chrono::system_clock::now()));
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
  fmt::print("{:<14} {:<8} {:<22} {}\n", "DISK", "ROLE",
             options.dry_run ? "WOULD BE TAKEN" : "OUTCOME", options.dry_run ? "HEADER" : "");
  for (const auto& disk : report.disks) {
    fmt::print("{:<14} {:<8} {:<22} {}\n", disk.path, name_of(disk.role), disk.outcome,
               disk.detail);
  }
  for (const std::string& obstacle : report.obstacles) fmt::print("NO: {}\n", obstacle);
}

Result<Failure> operator_says_so(Surveyor& surveyor) {
  auto look = surveyor.look();
  if (!look) return fail(look.error());
  return Failure{.look = std::move(*look)};
}

int run_takeover(const Config& config, const TakeoverOptions& options) {
  if (options.dry_run) {
    const auto survey = survey_disks(config);
    if (!survey) return report_error(survey.error());
    const TakeoverReport report = forecast_takeover(config, load_node_state(config), *survey);
    print_report(config, report, options);
    return report.complete ? kExitOk : kExitNo;
  }
  auto state = load_node_state(config);
  if (!state) return report_error(state.error());
  const EventSink events = event_sink(config, options.json);
  auto lock = options.boot ? Result<FileDescriptor>{} : lock_takeover(config, false);
  if (!lock) return report_error(lock.error());
  Surveyor surveyor(config, real_shelf(), real_executor());
  auto failure = options.boot ? wait_for_failure(config, state->key, surveyor, events)
                              : operator_says_so(surveyor);
  if (!failure) return report_error(failure.error());
  if (options.boot) {
    // An operator was quicker: whatever that takeover leaves undone is seen by a look after it.
    lock = lock_takeover(config, false);
    if (!lock && lock.error().code == Code::kRefused) {
      lock = lock_takeover(config, true);
      failure = operator_says_so(surveyor);
      if (!failure) return report_error(failure.error());
    }
    if (!lock) return report_error(lock.error());
    // `lastword start` may have run again while this one waited.
    state = load_node_state(config);
    if (!state) return report_error(state.error());
  }
  const TakeoverWork work{
      .config = config,
      .state = *state,
      .surveyor = surveyor,
      .events = events,
      .run_hook =
          [&config](const std::string& event, const std::string& detail) {
            return run_hook(config.hooks.service_taken, event, detail);
          },
      .recover = [&config](const DiskView& disk) { return recover_after_takeover(config, disk); }};
  const auto report = take_over(work, std::move(*failure));
  if (!report) return report_error(report.error());
  events({.name = "takeover-finished",
          .disk = {},
          .detail = report->complete ? "complete" : "incomplete; run `lastword takeover` again"});
  print_report(config, *report, options);
  return report->complete ? kExitOk : kExitNo;
}

int run_takeover(const std::string& config_path, const TakeoverOptions& options) {
  const auto config = load_config(config_path);
  return config ? run_takeover(*config, options) : report_error(config.error());
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
