#include "agent/daemon/agent_run.h"

#include <algorithm>
#include <utility>

#include "agent/daemon/failure_watch.h"
#include "agent/disks/intent_log.h"
#include "agent/node/hooks.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/takeover_input.h"
#include "agent/recover/recover_disk.h"
#include "agent/takeover/takeover_run.h"

namespace lastword {
namespace {

Result<Failure> operator_says_so(Surveyor& surveyor) {
  auto look = surveyor.look();
  if (!look) return fail(look.error());
  return Failure{.look = std::move(*look)};
}

// The caller holds lock_takeover(). The state is loaded again here: `lastword start` may have run
// while this node watched.
Result<TakeoverReport> run_takeover(const Config& config, Surveyor& surveyor,
                                    const EventSink& events, const TakeoverHands& hands,
                                    Failure failure) {
  const auto state = load_node_state(config);
  if (!state) return fail(state.error());
  const TakeoverWork work{.config = config,
                          .state = *state,
                          .surveyor = surveyor,
                          .events = events,
                          .run_hook = hands.run_hook,
                          .recover = hands.recover};
  auto report = take_over(work, std::move(failure));
  if (report) {
    events({.name = "takeover-finished",
            .disk = {},
            .detail = report->complete ? "complete" : "incomplete; run `lastword takeover` again"});
  }
  return report;
}

// Does the failure that was seen before the lock still ask for a takeover? Another one may have
// ended meanwhile, with everything taken, or with a verdict against it. The caller holds
// lock_takeover().
Result<bool> still_stands(const Failure& failure, const Config& config) {
  const auto state = load_node_state(config);
  if (!state) return fail(state.error());
  const Survey& survey = failure.look.survey;
  const std::uint32_t latest = latest_generation(survey, config, config.partner.id);
  const auto places = dump_places(survey, config);
  const bool panicked = failure.proven && std::ranges::any_of(places, [&](std::size_t place) {
                          return has_panicked(survey.disks[place], config, latest);
                        });
  if (panicked) return true;
  return judge_intent(read_intent(config, survey).intent, survey, config, state->key) ==
         IntentVerdict::kResume;
}

}  // namespace

TakeoverHands hands_of_this_machine(const Config& config) {
  return {.run_hook =
              [hook = Hook{.program = config.hooks.service_taken, .timeout = config.hooks.timeout}](
                  const HookInput& input) { return run_hook(hook, input); },
          .recover =
              [config](const DiskView& disk, const std::function<void()>& on_progress) {
                return recover_after_takeover(config, disk, on_progress);
              }};
}

Result<TakeoverReport> take_over_now(const Config& config, Surveyor& surveyor,
                                     const EventSink& events, const TakeoverHands& hands) {
  if (const auto state = load_node_state(config); !state) return fail(state.error());
  const auto lock = lock_takeover(config, false);
  if (!lock) return fail(lock.error());
  auto failure = operator_says_so(surveyor);
  if (!failure) return fail(failure.error());
  return run_takeover(config, surveyor, events, hands, std::move(*failure));
}

Result<TakeoverReport> watch_and_take_over(const Config& config, Surveyor& surveyor,
                                           const EventSink& events, const TakeoverHands& hands) {
  for (;;) {
    const auto state = load_node_state(config);
    if (!state) return fail(state.error());
    auto failure = wait_for_failure(config, *state, surveyor, events);
    if (!failure) return fail(failure.error());
    auto lock = lock_takeover(config, false);
    const bool waited = !lock && lock.error().code == Code::kRefused;
    if (waited) lock = lock_takeover(config, true);
    if (!lock) return fail(lock.error());
    // Nothing but a panic that was just seen is acted on without another look.
    if (waited || !failure->proven) {
      auto look = surveyor.look();
      if (!look) return fail(look.error());
      failure->look = std::move(*look);
      const auto stands = still_stands(*failure, config);
      if (!stands) return fail(stands.error());
      if (!*stands) continue;
    }
    return run_takeover(config, surveyor, events, hands, std::move(*failure));
  }
}

}  // namespace lastword
