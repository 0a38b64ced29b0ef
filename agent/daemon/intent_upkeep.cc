#include "agent/daemon/intent_upkeep.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "agent/node/locks.h"
#include "agent/protocol/mailbox.h"

namespace lastword {

void IntentUpkeep::tell(const std::vector<Error>& problems) {
  for (const Error& problem : problems) {
    const Event event = intent_not_kept(problem);
    if (std::exchange(last_problems_[event.disk], event.detail) != event.detail) events_(event);
  }
}

void IntentUpkeep::tell(const CopiesWritten& written) {
  tell(written.problems);
  for (const std::string& disk : written.rewritten) events_(slot_rewritten(disk));
}

bool IntentUpkeep::close(const Survey& survey, const NodeState& state,
                         const pb::TakeoverIntent& intent, const std::string& why) {
  to_close_ = {.number = intent.number(), .why = why};
  const auto lock = lock_takeover(config_);
  if (!lock) return false;
  const auto now = read_intent(config_, survey).intent;
  if (!now || now->number() != intent.number())
    return false;  // a newer one: the next survey judges it
  const auto written = intents(state).write(survey, called_off({}, intent, survey, config_));
  tell(written);
  if (written.copies == 0) return false;
  events_({.name = "takeover-ended",
           .disk = {},
           .detail = fmt::format("{}: {}", describe(intent), why)});
  to_close_.reset();
  return true;
}

void IntentUpkeep::close_again(const Survey& survey, const NodeState& state,
                               std::optional<pb::TakeoverIntent>& intent) {
  if (!to_close_) return;
  if (!intent || intent->number() != to_close_->number) return to_close_.reset();
  (void)close(survey, state, *intent, to_close_->why);
  intent->set_phase(pb::TakeoverIntent::ENDED);
}

void IntentUpkeep::repair(const Survey& survey, const NodeState& state,
                          const std::optional<pb::TakeoverIntent>& newest) {
  // An intent that only counts as ended is written nowhere.
  if (repairing_ || to_close_) return;
  const MailboxMember member = mailbox_member(config_, state.boot_generation, state.mailbox_disks);
  auto disks = outdated_slots(survey, config_, member, newest);
  if (disks.empty()) return;
  repairing_ = true;
  run_elsewhere<CopiesWritten>(
      surveyor_.executor(), loop_,
      [survey, disks = std::move(disks), newest, log = intents(state)] {
        return log.repair(survey, disks, newest);
      },
      [this](const CopiesWritten& written) {
        repairing_ = false;
        tell(written);
      });
}

}  // namespace lastword
