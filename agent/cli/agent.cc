// lastword agent: watches the partner, and takes over when it fails.
#include <memory>

#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/takeover_output.h"
#include "agent/daemon/agent_run.h"
#include "agent/daemon/node_watchdog.h"
#include "agent/daemon/notice_hooks.h"
#include "agent/daemon/pulsing_executor.h"
#include "agent/daemon/realtime.h"
#include "agent/daemon/service_manager.h"
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

void prefer_agent(const Config& config, const EventSink& events) {
  if (!config.realtime) return;
  for (const Status& done : {lock_memory(), prefer_this_thread()}) {
    if (done) continue;
    events({.name = "realtime-refused", .disk = {}, .detail = describe(done.error())});
  }
}

// A node that was taken over from waits for its hook, and is no agent that hangs.
RunHook going_on_during(const std::string& event, RunHook run_hook, PulsingExecutor& executor) {
  return [event, run_hook = std::move(run_hook), &executor](const HookInput& input) {
    if (input.event != event) return run_hook(input);
    const auto ended = std::make_shared<Status>();
    executor.during([ended, run_hook, input] { *ended = run_hook(input); });
    return *ended;
  };
}

int run_agent_command(const std::string& config_path, const AgentOptions& options) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  ServiceManager manager = service_manager_of_this_process(real_executor());
  const HistoryLog history(*config, "agent", real_executor(), event_printer(*config, options.json));
  TakeoverHands hands = hands_of_this_machine(*config);
  NoticeHooks notices(hands.run_hook, real_executor(), history.sink());
  const EventSink events = manager.sink(notices.sink());
  NodeWatchdog watchdog(*config, events);
  prefer_agent(*config, events);
  const auto pulse = [&] {
    manager.turn();
    watchdog.turn(real_executor().now());
  };
  PulsingExecutor& executor = PulsingExecutor::make(real_executor(), pulse);
  Surveyor surveyor(*config, real_shelf(), executor);
  hands.run_hook = going_on_during("fenced", hands.run_hook, executor);
  Heartbeat heartbeat(*config, real_shelf(), executor, events, machine_id());
  heartbeat.at_each_tick(pulse);
  heartbeat.use(links_of(*config, events, executor.now()));
  const StopRequest stop;
  const auto end_in_order = [&](milliseconds hooks) {
    watchdog.disarm();
    executor.during([&] { notices.wait(hooks); });
    manager.stopping();
    history.wait();
  };
  if (options.once) {
    const int status = run_once(*config, surveyor, events, hands, heartbeat, options.json);
    end_in_order(Timing::hook_given_up(config->hooks.timeout));
    return status;
  }
  const Status end = run_agent(*config, surveyor, events, hands,
                               {.heartbeat = &heartbeat, .stop_wanted = StopRequest::wanted});
  // A hook that is at work goes on, and the next agent is not held up.
  end_in_order(kHookGrace);
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
