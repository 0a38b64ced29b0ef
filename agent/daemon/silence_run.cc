#include "agent/daemon/silence_run.h"

#include <fmt/format.h>

#include "agent/disks/intent_log.h"
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
  heartbeat.set_phase(pb::PHASE_ARBITRATING);
  // A mailbox disk that hangs costs an I/O time-out.
  tell_of(work,
          heartbeat.beat_during<CopiesWritten>([&] { return intents.write(survey, intent); }));
  if (stays_silent(work, victim, heartbeat)) return {};
  tell_of(work, intents.write(survey, intents.next(intent, pb::TakeoverIntent::ENDED, victim)));
  return fail({.code = Code::kRefused,
               .operation = "takeover on silence",
               .detail = fmt::format("{} lives, or the mailbox disks cannot be read: called off",
                                     work.config.partner.name)});
}

}  // namespace lastword
