#include "agent/daemon/own_guard.h"

#include <memory>
#include <utility>

#include "agent/protocol/failure_plan.h"

namespace lastword {
namespace {

// As long as the first disks take.
constexpr milliseconds kFirstLook{5000};

}  // namespace

OwnGuard::OwnGuard(const Config& config, Surveyor& surveyor, const EventSink& events,
                   const AgentWatch& watch, Loop& loop, std::function<bool()> takes, End end)
    : config_(config),
      watch_(watch),
      loop_(loop),
      takes_(std::move(takes)),
      end_(std::move(end)),
      executor_(surveyor.executor()),
      looks_from_(executor_.now() + kFirstLook),
      shelf_(config, surveyor, loop,
             {.on_survey = [this](const Result<ShelfWatch::Seen>& seen) { on_survey(seen); },
              .on_headers = [](const auto&) {}}),
      take_anew_(config, surveyor, events, loop) {
  turn();
}

void OwnGuard::turn() {
  if (watch_.heartbeat != nullptr) watch_.heartbeat->tick();
  if (watch_.stop_wanted()) end_by(std::nullopt);
  if (!ended_ && executor_.now() >= looks_from_ && !takes_()) shelf_.turn();
  loop_.after(kPollInterval, [this] { turn(); });
}

void OwnGuard::on_survey(const Result<ShelfWatch::Seen>& seen) {
  // A life that a command has ended meanwhile is not there to be fenced.
  if (ended_ || !seen || !seen->state || seen->state->stopped) return;
  const Survey& survey = seen->look.survey;
  const NodeState& state = *seen->state;
  if (const Status held = check_not_fenced(survey, config_, state); !held) {
    if (watch_.node != nullptr) {
      const bool waits = watch_.node->phase() == Phase::kWaiting;
      (void)watch_.node->happened(waits ? NodeEvent::kServicePreempted : NodeEvent::kPreempted);
    }
    return end_by(held.error());
  }
  if (watch_.heartbeat != nullptr) watch_.heartbeat->follow(seen->look, state);
  take_anew_.follow(survey, state, seen->intent.intent, false);
}

void OwnGuard::end_by(const std::optional<Error>& fenced) {
  if (!std::exchange(ended_, true)) end_(fenced);
}

Result<std::optional<TakeoverTurn>> wait_for_takeover_turn(const Config& config, Surveyor& surveyor,
                                                           const EventSink& events,
                                                           const AgentWatch& watch) {
  using Turn = Result<std::optional<TakeoverTurn>>;
  auto lock = lock_takeover(config);
  const auto is_taken = [&lock] { return !lock && lock.error().code == Code::kRefused; };
  const bool waited = is_taken();
  const auto loop = surveyor.executor().make_loop();
  std::optional<Turn> end;
  if (waited) {
    const OwnGuard guard(
        config, surveyor, events, watch, *loop, [] { return false; },
        [&](const auto& fenced) { end = fenced ? Turn(fail(*fenced)) : Turn(std::nullopt); });
    std::function<void()> try_again = [&] {
      lock = lock_takeover(config);
      if (is_taken()) loop->after(kPollInterval, try_again);
    };
    loop->after(kPollInterval, try_again);
    loop->run_until([&] { return end || !is_taken(); });
  }
  if (end) return std::move(*end);
  if (!lock) return fail(lock.error());
  return TakeoverTurn{.lock = std::move(*lock), .waited = waited};
}

}  // namespace lastword
