// lastword agent: watches the partner, and takes over when it fails.
#include <memory>
#include <optional>
#include <utility>

#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/takeover_output.h"
#include "agent/daemon/agent_run.h"
#include "agent/daemon/agent_view.h"
#include "agent/daemon/clock_watch.h"
#include "agent/daemon/config_reload.h"
#include "agent/daemon/control_client.h"
#include "agent/daemon/control_socket.h"
#include "agent/daemon/graceful_run.h"
#include "agent/daemon/node_watchdog.h"
#include "agent/daemon/notice_hooks.h"
#include "agent/daemon/pulsing_executor.h"
#include "agent/daemon/realtime.h"
#include "agent/daemon/service_manager.h"
#include "agent/node/config_file.h"
#include "agent/node/history_log.h"
#include "agent/node/locks.h"

namespace lastword {
namespace {

constexpr milliseconds kReloadPatience{4'000};

struct AgentOptions {
  bool once = false;
  bool boot = false;  // units of the version before name it
  bool json = false;
  bool reload = false;
};

// The agent's own orders, and what it is asked at its control socket.
struct AgentControl {
  std::optional<ControlSocket> socket;
  bool look_wanted = false;
};

int run_once(const Config& config, Surveyor& surveyor, const EventSink& events,
             const TakeoverHands& hands, const AgentWatch& watch, bool json) {
  const auto report = watch_and_take_over(config, surveyor, events, hands, watch);
  watch.heartbeat->leave();
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
  const auto only_one = lock_agent(*config);
  if (!only_one) return report_error(only_one.error());
  ServiceManager manager = service_manager_of_this_process(real_executor());
  const HistoryLog history(*config, "agent", real_executor(), event_printer(*config, options.json));
  TakeoverHands hands = hands_of_this_machine(*config);
  const AgentView view(*config, real_executor());
  hands.recover = view.recover();
  NoticeHooks notices(hands.run_hook, real_executor(), history.sink());
  const EventSink events = manager.sink(view.sink(notices.sink()));
  const StopRequest stop;  // before the watchdog is armed: the end is to disarm it
  NodeWatchdog watchdog(*config, events);
  prefer_agent(*config, events);
  ClockWatch clock(real_executor(), events);
  AgentControl control;
  const auto pulse = [&] {
    manager.turn();
    watchdog.turn(real_executor().now());
    clock.turn();
    if (control.socket) control.socket->turn();
  };
  // Whatever the loop waits for, such as a mailbox disk that hangs while an intent is written, the
  // other paths of messages go on.
  Heartbeat* beating = nullptr;
  PulsingExecutor& executor = PulsingExecutor::make(real_executor(), [&] {
    pulse();
    if (beating != nullptr) beating->tick();
  });
  Surveyor surveyor(*config, real_shelf(), executor);
  hands.run_hook = going_on_during("fenced", hands.run_hook, executor);
  Heartbeat heartbeat(*config, real_shelf(), executor, events, machine_id());
  heartbeat.at_each_tick(pulse);
  beating = &heartbeat;
  heartbeat.use(links_of(*config, events, executor.now()));
  control.socket.emplace(
      config->state_directory, real_executor(),
      ControlHands{.snapshot = [&] { return view.snapshot(heartbeat, heartbeat.paths()); },
                   .look = [&] { control.look_wanted = true; },
                   .reload = reload_elsewhere(config_path, real_executor()),
                   .cancel = [&] { return cancel_graceful(*config).value_or(false); }},
      events);
  const auto end_in_order = [&](milliseconds hooks) {
    watchdog.disarm();
    executor.during([&] { notices.wait(hooks); });
    manager.stopping();
    history.wait();
  };
  const AgentWatch watch{.heartbeat = &heartbeat,
                         .stop_wanted = StopRequest::wanted,
                         .look_wanted = [&] { return std::exchange(control.look_wanted, false); }};
  if (options.once) {
    const int status = run_once(*config, surveyor, events, hands, watch, options.json);
    end_in_order(Timing::hook_given_up(config->hooks.timeout));
    return status;
  }
  const Status end = run_agent(*config, surveyor, events, hands, watch);
  // A hook that is at work goes on, and the next agent is not held up.
  end_in_order(kHookGrace);
  if (end) return kExitOk;
  const int status = report_error(end.error());
  // That one is for a second agent, which nobody is to start again.
  return status == kExitRefused ? int{kExitIo} : status;
}

int ask_to_reload(const std::string& config_path) {
  const ConfigReading reading = read_config_file(config_path);
  // What is wrong with it the agent says too, where it can be asked.
  const auto reply = ask_agent(reading.config.state_directory, pb::CONTROL_RELOAD, kReloadPatience);
  if (!reply) return report_error(reply.error());
  if (reply->done()) {
    fmt::print("{}\n", reply->reason());
    return kExitOk;
  }
  complain("lastword: {}\n{}\n", reply->reason(), reply->remedy());
  return reading.problems.empty() ? kExitNo : kExitUsage;
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
  command.flag("--reload", options->reload,
               "Have the agent that runs look at the configuration file: is it good, and is the "
               "agent to be restarted for it?");
  command.runs([&context, options] {
    if (options->reload) return ask_to_reload(context.config_path);
    return run_agent_command(context.config_path, *options);
  });
}

}  // namespace lastword
