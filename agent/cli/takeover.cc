// lastword takeover: takes the partner's disks now, because an operator says that it failed.
#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "agent/cli/agent_notice.h"
#include "agent/cli/command.h"
#include "agent/cli/confirmation.h"
#include "agent/cli/interruption.h"
#include "agent/cli/takeover_output.h"
#include "agent/daemon/agent_run.h"
#include "agent/daemon/graceful_run.h"
#include "agent/daemon/notice_hooks.h"
#include "agent/disks/intent_log.h"
#include "agent/disks/known_switches.h"
#include "agent/disks/survey.h"
#include "agent/node/config_file.h"
#include "agent/node/history_log.h"
#include "agent/node/state_files.h"
#include "proto/duration.h"

namespace lastword {
namespace {

struct TakeoverOptions {
  bool dry_run = false;
  bool json = false;
  bool yes = false;
  bool graceful = false;
  bool cancel = false;
  bool without_votes = false;
  std::string countdown;  // of --countdown; empty: Timing::countdown()
};

Result<TakeoverReport> forecast(const Config& config, bool without_votes) {
  const auto survey = survey_disks(config);
  if (!survey) return fail(survey.error());
  const auto seen = load_partner_seen(config);
  return forecast_takeover(
      config, load_node_state(config), *survey,
      without_votes ? std::nullopt : std::optional(seen ? seen->mailbox_set() : 0),
      read_intent(config, *survey).intent);
}

// What operators have forbidden holds for what the nodes do by themselves; this is an order.
Status overrides_switches(const Config& config, bool yes) {
  if (yes) return {};
  const auto survey = survey_disks(config);
  if (!survey) return fail(survey.error());
  const Refusals held =
      why_held_back(read_switches(config, *survey).switches, real_executor().unix_ms());
  if (held.empty()) return {};
  const std::string& partner = config.partner.name;
  if (confirmed_by_name(
          fmt::format("{}. This takes over from {} all the same.", describe(held), partner),
          partner)) {
    return {};
  }
  return fail({.code = Code::kRefused,
               .operation = "takeover",
               .detail = fmt::format("{}. Nothing was taken; --yes takes over from {} all the same",
                                     describe(held), partner)});
}

// On a terminal one line that counts down; otherwise a line each half minute.
void show_countdown(milliseconds left) {
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  const auto seconds = left.count() / 1000;
  static thread_local long long shown = -1;
  if (seconds == shown || (!terminal && seconds % 30 != 0)) return;
  shown = seconds;
  complain("{}lastword: by force in {} s; Ctrl-C cancels{}", terminal ? "\r" : "", seconds,
           terminal ? "  " : "\n");
}

int take_gracefully(const Config& config, const TakeoverOptions& options) {
  milliseconds countdown = config.timing.countdown(config.hooks.timeout);
  if (!options.countdown.empty()) {
    const auto time = parse_duration(options.countdown);
    if (!time || time->count() == 0) {
      return report_error({.code = Code::kUsage,
                           .operation = "--countdown",
                           .detail = fmt::format("\"{}\": wanted is {}, more than none",
                                                 options.countdown, kDurationGrammar)});
    }
    countdown = *time;
  }
  Surveyor surveyor(config, real_shelf(), real_executor());
  const TakeoverHands hands = hands_of_this_machine(config);
  const HistoryLog history(config, "takeover", real_executor(),
                           event_printer(config, options.json));
  NoticeHooks notices(hands.run_hook, real_executor(), history.sink());
  const GracefulWork work{.config = config,
                          .surveyor = surveyor,
                          .events = notices.sink(),
                          .hands = hands,
                          .stop_wanted = StopRequest::wanted,
                          .on_countdown = show_countdown};
  if (options.dry_run) {
    return print_takeover(config, try_graceful(work), ReportKind::kForecast, options.json);
  }
  if (const Status may = overrides_switches(config, options.yes); !may) {
    return report_error(may.error());
  }
  const StopRequest stop;
  const AgentNotice notice(config);
  const auto report = take_over_gracefully(work, countdown);
  notices.wait(Timing::hook_given_up(config.hooks.timeout));
  history.wait();
  if (!report) return report_error(report.error());
  if (report->end == GracefulEnd::kCancelled) {
    complain("lastword: cancelled: {} stays, unless it has left already; `lastword status`\n",
             config.partner.name);
    return kExitNo;
  }
  const int status = print_takeover(config, report->takeover, ReportKind::kDone, options.json);
  return report->end == GracefulEnd::kRefused ? kExitRefused : status;
}

int cancel(const Config& config) {
  const auto cancelled = cancel_graceful(config);
  if (!cancelled) return report_error(cancelled.error());
  if (*cancelled) {
    complain("lastword: cancelled: {} stays, unless it has left already; `lastword status`\n",
             config.partner.name);
    return kExitOk;
  }
  complain("lastword: {} was not asked to leave: nothing was cancelled\n", config.partner.name);
  return kExitNo;
}

int run_takeover(const std::string& config_path, const TakeoverOptions& options) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  if (options.without_votes && (options.graceful || options.cancel)) {
    return report_error({.code = Code::kUsage,
                         .operation = "--without-votes",
                         .detail = "it does not go with --graceful or --cancel"});
  }
  if (options.cancel) return cancel(*config);
  if (options.graceful) return take_gracefully(*config, options);
  if (!options.countdown.empty()) {
    return report_error(
        {.code = Code::kUsage, .operation = "--countdown", .detail = "it belongs to --graceful"});
  }
  if (options.dry_run) {
    return print_takeover(*config, forecast(*config, options.without_votes), ReportKind::kForecast,
                          options.json);
  }
  if (const Status may = overrides_switches(*config, options.yes); !may) {
    return report_error(may.error());
  }
  const AgentNotice notice(*config);
  const Interruption interruption(
      "interrupted: what was taken stays taken, and a dump that was not saved stays on its disk; "
      "`lastword takeover` again goes on where this one was");
  Surveyor surveyor(*config, real_shelf(), real_executor());
  const TakeoverHands hands = hands_of_this_machine(*config);
  const HistoryLog history(*config, "takeover", real_executor(),
                           event_printer(*config, options.json));
  NoticeHooks notices(hands.run_hook, real_executor(), history.sink());
  const auto report =
      take_over_now(*config, surveyor, notices.sink(), hands, options.without_votes);
  notices.wait(Timing::hook_given_up(config->hooks.timeout));
  history.wait();
  return print_takeover(*config, report, ReportKind::kDone, options.json);
}

}  // namespace

void add_takeover_command(Parser& parser, const CommandContext& context) {
  const auto options = std::make_shared<TakeoverOptions>();
  CliCommand command = parser.command(
      "takeover",
      "Take the partner's disks: service disks and unarmed spares at once, the disk its crash dump "
      "goes to when the dump is over. Interrupted, it may be run again.");
  command.flag("--dry-run", options->dry_run, "Only say which disk would be taken when");
  command.flag("--graceful", options->graceful,
               "Ask the partner to leave in good order, and take over by force only when it has "
               "not in time. Ctrl-C cancels");
  command
      .option("--countdown", options->countdown,
              "With --graceful: the time that the partner is given, as 5min")
      .value_name("TIME");
  command.flag("--cancel", options->cancel, "End the countdown that --graceful began");
  command.flag(
      "--without-votes", options->without_votes,
      "Although the partner counts votes by mailbox disks and this node sees none: nothing "
      "keeps a partner that lives from taking over too");
  command.flag("--yes", options->yes,
               "Do not ask, although `lastword disable` or `no-takeover` stands against it");
  command.flag("--json", options->json, "Print the report as JSON (events go to stderr)");
  command.runs([&context, options] { return run_takeover(context.config_path, *options); });
}

}  // namespace lastword
