#include "agent/daemon/silence_run.h"

#include <fmt/format.h>

#include "agent/disks/intent_log.h"
#include "agent/disks/known_switches.h"
#include "agent/takeover/arbitration_run.h"

namespace lastword {
namespace {

// The partner was not heard meanwhile.
bool stays_silent(const TakeoverWork& work, std::uint32_t generation, Heartbeat& heartbeat) {
  Executor& executor = work.executor();
  const Instant end = executor.now() + work.config.timing.announcement();
  while (executor.now() < end) {
    executor.sleep(kPollInterval);
    heartbeat.tick();
    const Standing standing = heartbeat.standing();
    if (standing == Standing::kHeard || standing == Standing::kAway ||
        heartbeat.peer().newest()->generation() != generation) {
      return false;
    }
  }
  return heartbeat.standing() == Standing::kSilent;
}

// An operator may have seen the announcement.
Refusals held_back(const TakeoverWork& work, const Survey& survey, Heartbeat& heartbeat) {
  ClusterSwitches known = heartbeat.beat_during<ClusterSwitches>(
      [config = work.config, survey] { return read_switches(config, survey).switches; });
  known.peer = newer(known.peer, heartbeat.peer().newest()->switches());
  return why_held_back(known, work.executor().unix_ms());
}

}  // namespace

Status announce_takeover(const TakeoverWork& work, const Failure& failure, Heartbeat& heartbeat) {
  const Survey& survey = failure.look.survey;
  const std::uint32_t victim = *failure.generation;
  const IntentLog intents(work.config, work.state, work.shelf(), work.executor());
  const auto before = read_intent(work.config, survey).intent;
  const auto intent = intents.next(before, pb::TakeoverIntent::ANNOUNCED, victim);
  work.events({.name = "takeover-announced",
               .disk = {},
               .detail = fmt::format("{}, life {}, is silent; it has {} ms to show that it lives",
                                     work.config.partner.name, victim,
                                     work.config.timing.announcement().count())});
  // A mailbox disk that hangs costs an I/O time-out.
  tell_of(work,
          heartbeat.beat_during<CopiesWritten>([&] { return intents.write(survey, intent); }));
  const bool silent = stays_silent(work, victim, heartbeat);
  const Refusals held = silent ? held_back(work, survey, heartbeat) : Refusals();
  if (silent && held.empty()) return {};
  tell_of(work, intents.write(survey, called_off(before, intent, survey, work.config)));
  if (!held.empty()) {
    return fail({.code = Code::kRefused,
                 .operation = "takeover on silence",
                 .detail = "called off: " + describe(held)});
  }
  return fail({.code = Code::kRefused,
               .operation = "takeover on silence",
               .detail = fmt::format("{} lives, or the mailbox disks cannot be read: called off",
                                     work.config.partner.name)});
}

}  // namespace lastword
