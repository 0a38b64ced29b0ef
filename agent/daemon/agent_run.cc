#include "agent/daemon/agent_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "agent/arm/arm_run.h"
#include "agent/daemon/failure_watch.h"
#include "agent/daemon/own_guard.h"
#include "agent/daemon/silence_run.h"
#include "agent/disks/intent_log.h"
#include "agent/disks/known_switches.h"
#include "agent/node/hooks.h"
#include "agent/node/intent_file.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/handover_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/takeover_input.h"
#include "agent/recover/recover_disk.h"
#include "agent/takeover/takeover_run.h"

namespace lastword {
namespace {

constexpr milliseconds kPauseAfterRefusal{10'000};
constexpr std::string_view kFencedEvent = "fenced";

// A partner that waits has nothing that could be taken: what an earlier takeover left undone is
// finished, and the life that waits keeps its place on the mailbox disks.
Result<Failure> operator_says_so(const Config& config, Surveyor& surveyor) {
  auto look = surveyor.look();
  if (!look) return fail(look.error());
  const auto intent = read_intent(config, look->survey).intent;
  Failure failure{.look = std::move(*look), .ordered = true};
  if (intent && is_left_undone(*intent, failure.look.survey, config)) {
    failure.generation = intent->victim_generation();
    failure.proven = intent->proven();
    failure.resumed = true;
  }
  return failure;
}

// An order, and a takeover at once, have no node machine.
void happened(const AgentWatch& watch, NodeEvent event) {
  if (watch.node != nullptr) (void)watch.node->happened(event);
}

NodeEvent event_of_announcement(const Status& dead, const Heartbeat& heartbeat) {
  if (dead) return NodeEvent::kAnnouncementOver;
  return heartbeat.standing() == Standing::kHeard ? NodeEvent::kPeerLives
                                                  : NodeEvent::kPeerSilentHeld;
}

Result<Look> look_again(Surveyor& surveyor, const AgentWatch& watch) {
  if (watch.heartbeat == nullptr) return surveyor.look();
  return watch.heartbeat->beat_during<Result<Look>>([&surveyor] { return surveyor.look(); });
}

decltype(TakeoverWork::guard) guard_of(const Config& config, Surveyor& surveyor,
                                       const EventSink& events, const AgentWatch& watch) {
  if (watch.node == nullptr) return {};  // a command, beside which an agent watches
  return [&](Loop& loop, std::function<bool()> takes, EndTakeover end) {
    return std::make_shared<OwnGuard>(config, surveyor, events, watch, loop, std::move(takes),
                                      std::move(end));
  };
}

// The caller holds lock_takeover(). The state is loaded again here: `lastword start` may have run
// while this node watched.
Result<TakeoverReport> run_takeover(const Config& config, Surveyor& surveyor,
                                    const EventSink& events, const TakeoverHands& hands,
                                    Failure failure, const AgentWatch& watch = {}) {
  const auto state = load_node_state(config);
  if (!state) return fail(state.error());
  const auto seen = load_partner_seen(config);
  const TakeoverWork work{.config = config,
                          .state = *state,
                          .surveyor = surveyor,
                          .events = events,
                          .run_hook = hands.run_hook,
                          .resume = hands.resume,
                          .recover = hands.recover,
                          .heard_set = seen ? seen->mailbox_set() : 0,
                          .guard = guard_of(config, surveyor, events, watch),
                          .on_majority = [&watch] { happened(watch, NodeEvent::kMajorityWon); }};
  // The look may be older than what the service was told of since.
  if (!check_served(failure.look.survey, config, *state)) {
    auto look = look_again(surveyor, watch);
    if (!look) return fail(look.error());
    failure.look = std::move(*look);
  }
  if (failure.silent) {
    const Status dead = announce_takeover(work, failure, *watch.heartbeat);
    happened(watch, event_of_announcement(dead, *watch.heartbeat));
    if (!dead) return fail(dead.error());
  }
  auto report = take_over(work, std::move(failure));
  const bool fenced_since = watch.node != nullptr && watch.node->phase() == Phase::kFenced;
  if (!report && !fenced_since) happened(watch, NodeEvent::kTooFewVotes);
  if (report && report->complete) happened(watch, NodeEvent::kTakeoverDone);
  if (report) {
    events({.name = report->interrupted ? "takeover-interrupted" : "takeover-finished",
            .disk = {},
            .detail = report->interrupted ? "this agent is told to stop; the next one goes on"
                      : report->complete  ? "complete"
                                          : "incomplete; run `lastword takeover` again"});
  }
  return report;
}

// The partner's latest life, if it has panicked; else 0.
std::uint32_t panicked_life(const Survey& survey, const Config& config) {
  const std::uint32_t latest = latest_generation(survey, config, config.partner.id);
  const auto places = dump_places(survey, config);
  const bool panicked = std::ranges::any_of(
      places, [&](std::size_t place) { return has_panicked(survey.disks[place], config, latest); });
  return panicked ? latest : 0;
}

// Does the failure that was seen before the lock still ask for a takeover? Another one may have
// ended meanwhile, with everything taken, or with a verdict against it. The caller holds
// lock_takeover().
Result<bool> still_stands(const Failure& failure, const Config& config, const Executor& executor,
                          const AgentWatch& watch) {
  const auto state = load_node_state(config);
  if (!state) return fail(state.error());
  const Survey& survey = failure.look.survey;
  const auto intent = read_intent(config, survey).intent;
  const bool held =
      !why_held_back(read_switches(config, survey).switches, executor.unix_ms()).empty();
  const auto heard = watch.heartbeat != nullptr ? watch.heartbeat->peer().newest() : std::nullopt;
  // One that this node has begun to take is not to be taken anew.
  if (failure.released && !failure.resumed) {
    return life_to_take_from(survey, config, *state, heard, intent) == failure.generation;
  }
  if (failure.silent) {
    if (held) return false;
    const PeerWatch& peer = watch.heartbeat->peer();
    return watch.heartbeat->standing() == Standing::kSilent &&
           peer.newest()->generation() == failure.generation &&
           !against_acting_on_silence(survey, config, *state, *peer.newest(), intent);
  }
  if (failure.proven && panicked_life(survey, config) != 0 && !held) return true;
  if (judge_intent(intent, survey, config, state->key) != IntentVerdict::kResume) return false;
  const bool lives = watch.heartbeat != nullptr && may_live(watch.heartbeat->standing());
  return !lives || needs_no_silence(*intent, survey, config, heard);
}

// The operator's countdown was over when this began to wait for the lock, and to look. Absent: it
// was cancelled since, or the life that was asked to leave is over.
Result<std::optional<Failure>> forced(const Config& config, Surveyor& surveyor,
                                      const AgentWatch& watch) {
  using Ordered = Result<std::optional<Failure>>;
  auto failure = watch.heartbeat != nullptr ? watch.heartbeat->beat_during<Result<Failure>>([&] {
    return operator_says_so(config, surveyor);
  })
                                            : operator_says_so(config, surveyor);
  if (!failure) return fail(failure.error());
  const auto open = load_request(config);
  const auto over = surveyor.executor().now().count();
  if (!open || !open->forces() || over < open->ends_ms()) return Ordered(std::nullopt);
  const std::uint32_t asked = open->request().asked_generation();
  std::uint32_t latest = latest_generation(failure->look.survey, config, config.partner.id);
  if (const auto& newest = watch.heartbeat->peer().newest()) {
    latest = std::max(latest, newest->generation());
  }
  if (latest > asked) return Ordered(std::nullopt);
  if (!failure->generation) failure->generation = asked;
  return std::optional(std::move(*failure));
}

void beat_and_sleep(Executor& executor, const AgentWatch& watch) {
  if (watch.heartbeat != nullptr) watch.heartbeat->tick();
  executor.sleep(kPollInterval);
}

// One that has left its disks goes on saying so.
Result<NodeState> life_to_watch(const Config& config) {
  auto state = load_last_life(config);
  if (state && state->stopped) return load_node_state(config);
  return state;
}

// One that was stopped waits for its next life.
Status wait_for_start(const Config& config, Executor& executor, const EventSink& events,
                      const AgentWatch& watch) {
  for (bool told = false; !watch.stop_wanted();) {
    const auto state = life_to_watch(config);
    if (state) return {};
    if (state.error().code != Code::kNotFound) return fail(state.error());
    if (!std::exchange(told, true)) {
      events({.name = "waiting-for-start", .disk = {}, .detail = describe(state.error())});
    }
    beat_and_sleep(executor, watch);
  }
  return {};
}

Status end_fenced(const Error& why, const Config& config, const EventSink& events,
                  const TakeoverHands& hands) {
  const HookInput input{.event = std::string(kFencedEvent), .detail = describe(why)};
  events({.name = input.event, .disk = std::string(why.disk.view()), .detail = input.detail});
  if (Status status = hands.run_hook(input); !status) {
    events({.name = "hook-failed", .disk = {}, .detail = describe(status.error())});
  }
  if (config.when_fenced == WhenFenced::kPanic) {
    hands.panic();
    events({.name = "panic-failed",
            .disk = {},
            .detail = "/proc/sysrq-trigger did not crash this kernel: reboot this node"});
  }
  return fail(why);
}

Status arm_this_machine(const Config& config) {
  const auto lock = lock_state(config);
  if (!lock) return fail(lock.error());
  auto situation = assess_situation(config);
  if (!situation) return fail(situation.error());
  const auto armed = arm_node(config, *situation, real_crash_kernel());
  if (!armed) return fail(armed.error());
  return {};
}

// Linux Documentation/admin-guide/sysrq.rst: root may write here whatever kernel.sysrq says.
void panic_this_machine() {
  std::ofstream trigger("/proc/sysrq-trigger");
  trigger << 'c' << std::flush;
}

// What a takeover left undone is for a person: the hook would run again each time.
Settled settled_now(const Config& config, Surveyor& surveyor, const AgentWatch& watch) {
  const auto look = look_again(surveyor, watch);
  const Survey survey = look ? look->survey : Survey();
  const auto intent = read_intent(config, survey).intent;
  const auto state = load_node_state(config);
  if (!intent) return watch.settled;
  return {.number = intent->number(),
          .left = state ? left_with_victim(survey, config, state->key, intent)
                        : std::vector<std::string>()};
}

// A takeover that may not be is one thing, a node that has lost its disks another.
bool is_fenced(const Config& config, Surveyor& surveyor, const AgentWatch& watch) {
  const auto state = load_node_state(config);
  const auto look = look_again(surveyor, watch);
  return look && state && !check_not_fenced(look->survey, config, *state);
}

Status watch_for_good(const Config& config, Surveyor& surveyor, const EventSink& events,
                      const TakeoverHands& hands, AgentWatch watch) {
  for (;;) {
    if (Status started = wait_for_start(config, surveyor.executor(), events, watch); !started) {
      return started;
    }
    if (watch.stop_wanted()) return {};
    const auto report = watch_and_take_over(config, surveyor, events, hands, watch);
    if (report && !*report) return {};
    if (report) {
      watch.settled = settled_now(config, surveyor, watch);
      continue;
    }
    if (report.error().code == Code::kNotFound && !load_node_state(config)) continue;  // stopped
    // A vote that was lost says no more than that another takeover was at it. Disks that are out of
    // sight come back.
    const bool refused =
        report.error().code == Code::kRefused || report.error().code == Code::kNotFound ||
        (report.error().code == Code::kFenced && !is_fenced(config, surveyor, watch));
    if (!refused) return fail(report.error());
    events({.name = "takeover-refused", .disk = {}, .detail = describe(report.error())});
    // Mailbox disks come back, partners too. A panic that shows later is acted on all the same.
    const auto look = look_again(surveyor, watch);
    if (look) watch.refused_life = panicked_life(look->survey, config);
    watch.refused_until = surveyor.executor().now() + kPauseAfterRefusal;
  }
}

}  // namespace

TakeoverHands hands_of_this_machine(const Config& config) {
  const RunHook run_by_name = [hooks = config.hooks,
                               state = config.state_directory](const HookInput& input) {
    return run_hook(hook_of(hooks, input.event, state), input);
  };
  return {.run_hook = run_by_name,
          .recover =
              [config](const DiskView& disk, const std::function<void()>& on_progress) {
                return recover_after_takeover(config, disk, [&](auto, auto) { on_progress(); });
              },
          .resume = run_by_name,
          .arm = [&config] { return arm_this_machine(config); },
          .panic = panic_this_machine,
          .disarm = [&config](const NodeState& state,
                              const Survey& survey) -> Result<std::vector<Error>> {
            auto report = disarm_node(config, state, survey, real_crash_kernel());
            if (!report) return fail(report.error());
            return std::move(report->leftovers);
          }};
}

Result<TakeoverReport> take_over_now(const Config& config, Surveyor& surveyor,
                                     const EventSink& events, const TakeoverHands& hands,
                                     bool without_votes) {
  if (const auto state = load_node_state(config); !state) return fail(state.error());
  const auto lock = lock_takeover(config);
  if (!lock) return fail(lock.error());
  // An order runs the hook again.
  if (const Status forgotten = forget_acknowledged(config); !forgotten)
    return fail(forgotten.error());
  auto failure = operator_says_so(config, surveyor);
  if (!failure) return fail(failure.error());
  failure->without_votes = without_votes;
  return run_takeover(config, surveyor, events, hands, std::move(*failure));
}

Result<std::optional<TakeoverReport>> watch_and_take_over(const Config& config, Surveyor& surveyor,
                                                          const EventSink& events,
                                                          const TakeoverHands& hands,
                                                          const AgentWatch& given) {
  AgentWatch watch = given;
  std::optional<NodeRun> node;
  if (watch.node == nullptr) {
    watch.node = &node.emplace(config, surveyor.executor(), events, watch.heartbeat);
  }
  watch.run_hook = hands.run_hook;
  watch.receive = {.run_hook = hands.run_hook, .arm = hands.arm, .resume = hands.resume};
  watch.give_back = {.run_hook = hands.run_hook};
  watch.leave = {.run_hook = hands.run_hook, .disarm = hands.disarm, .arm = hands.arm};
  for (;;) {
    const auto state = life_to_watch(config);
    if (!state) return fail(state.error());
    auto failure = wait_for_failure(config, *state, surveyor, events, watch);
    if (!failure) return fail(failure.error());
    if (!*failure) return std::optional<TakeoverReport>();
    const auto turn = wait_for_takeover_turn(config, surveyor, events, watch);
    if (!turn) return fail(turn.error());
    if (!*turn) return std::optional<TakeoverReport>();
    if ((*failure)->ordered) {
      auto ordered = forced(config, surveyor, watch);
      if (!ordered) return fail(ordered.error());
      if (!*ordered) {
        happened(watch, NodeEvent::kGracefulCancelled);
        continue;
      }
      events({.name = "takeover-forced",
              .disk = {},
              .detail = fmt::format("{} has not left in time", config.partner.name)});
      **failure = std::move(**ordered);
    } else if ((*turn)->waited || !(*failure)->proven ||
               has_partner_disk((*failure)->look.survey, config)) {
      // Nothing but a panic that was just seen is acted on without another look; and that only
      // where no giveback can have changed the holders of disks since.
      auto look = look_again(surveyor, watch);
      if (!look) return fail(look.error());
      (*failure)->look = std::move(*look);
      const auto stands = still_stands(**failure, config, surveyor.executor(), watch);
      if (!stands) return fail(stands.error());
      if (!*stands) {
        if ((*failure)->silent) happened(watch, NodeEvent::kPeerSilentHeld);
        continue;
      }
    }
    auto report = run_takeover(config, surveyor, events, hands, std::move(**failure), watch);
    if (!report) return fail(report.error());
    return std::optional(std::move(*report));
  }
}

Status run_agent(const Config& config, Surveyor& surveyor, const EventSink& events,
                 const TakeoverHands& hands, AgentWatch watch) {
  NodeRun node(config, surveyor.executor(), events, watch.heartbeat);
  watch.node = &node;
  const Status end = watch_for_good(config, surveyor, events, hands, watch);
  if (!end && end.error().code == Code::kFenced && is_fenced(config, surveyor, watch)) {
    if (watch.heartbeat != nullptr) watch.heartbeat->end();
    return end_fenced(end.error(), config, events, hands);
  }
  // Whatever ended it: a node whose agent is gone is not dead.
  if (watch.heartbeat != nullptr) watch.heartbeat->leave();
  return end;
}

}  // namespace lastword
