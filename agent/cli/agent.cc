// lastword agent: watches the partner, and takes over when it fails.
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/takeover_output.h"
#include "agent/daemon/agent_run.h"
#include "agent/daemon/notice_hooks.h"
#include "agent/node/config_file.h"
#include "agent/node/history_log.h"

namespace lastword {
namespace {

struct AgentOptions {
  bool once = false;
  bool boot = false;  // units of the version before name it
  bool json = false;
};

int run_once(const Config& config, Surveyor& surveyor, const EventSink& events,
             const TakeoverHands& hands, Heartbeat& heartbeat, bool json) {
  const auto report =
      watch_and_take_over(config, surveyor, events, hands,
                          {.heartbeat = &heartbeat, .stop_wanted = StopRequest::wanted});
  heartbeat.leave();
  if (report && !*report) {
    complain("lastword: the agent ends: until it runs again nobody takes over from {}\n",
             config.partner.name);
    return kExitNo;
  }
  return print_takeover(config, report ? Result<TakeoverReport>(**report) : fail(report.error()),
                        ReportKind::kDone, json);
}

int run_agent_command(const std::string& config_path, const AgentOptions& options) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  Surveyor surveyor(*config, real_shelf(), real_executor());
  const TakeoverHands hands = hands_of_this_machine(*config);
  const HistoryLog history(*config, "agent", real_executor(), event_printer(*config, options.json));
  NoticeHooks notices(hands.run_hook, real_executor(), history.sink());
  const EventSink events = notices.sink();
  Heartbeat heartbeat(*config, real_shelf(), real_executor(), events, machine_id());
  const StopRequest stop;
  if (options.once) {
    const int status = run_once(*config, surveyor, events, hands, heartbeat, options.json);
    notices.wait(Timing::hook_given_up(config->hooks.timeout));
    history.wait();
    return status;
  }
  const Status end = run_agent(*config, surveyor, events, hands,
                               {.heartbeat = &heartbeat, .stop_wanted = StopRequest::wanted});
  notices.wait(kHookGrace);  // a hook that is at work goes on, and the next agent is not held up
  history.wait();
  return end ? kExitOk : report_error(end.error());
}

}  // namespace

void add_agent_command(Parser& parser, const CommandContext& context) {
  const auto options = std::make_shared<AgentOptions>();
  CliCommand command = parser.command(
      "agent",
      "Watch the partner, and take over when it has panicked or gives no sign of life any more.");
  command.flag("--once", options->once, "End with the first takeover, and print its report");
  command.flag("--boot", options->boot, "Has no effect any more");
  command.flag("--json", options->json, "Print the report as JSON (events go to stderr)");
  command.runs([&context, options] { return run_agent_command(context.config_path, *options); });
}

}  // namespace lastword
