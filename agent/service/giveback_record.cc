#include "agent/service/giveback_record.h"

#include <utility>

namespace lastword {

GivebackRecord::GivebackRecord(const GivebackWork& work, const GivebackOptions& options,
                               const NodeState& state)
    : work_(work),
      options_(options),
      intents_(work.config, state, work.surveyor.shelf(), work.surveyor.executor()) {}

void GivebackRecord::read(const Survey& survey) {
  const KnownIntent known = read_intent(work_.config, survey);
  for (const Error& problem : known.problems) work_.events(intent_not_kept(problem));
  intent_ = known.intent;
  before_ = intent_ ? intent_->phase() : pb::TakeoverIntent::TAKEN;
  was_under_way_ = is_under_way(intent_) || options_.by == GivebackBy::kResumed;
  returns_ = intent_ ? intent_->automatic_returns() : 0;
  if (options_.by == GivebackBy::kRule) ++returns_;
  if (options_.by == GivebackBy::kOperator) returns_ = 0;
}

bool GivebackRecord::is_outdated() const {
  if (options_.by == GivebackBy::kOperator) return false;
  return !intent_ || intent_->number() != options_.decided_on;
}

bool GivebackRecord::is_by_itself() const {
  if (options_.by == GivebackBy::kRule) return true;
  return options_.by == GivebackBy::kResumed && intent_ && intent_->returned_by_itself();
}

bool GivebackRecord::is_counted_safely() const {
  return options_.by != GivebackBy::kRule || copies_ >= 2;
}

Status GivebackRecord::begin(const Survey& survey, std::uint32_t victim, std::uint32_t life) {
  pb::TakeoverIntent intent = next(pb::TakeoverIntent::RETURNING, victim);
  intent.set_returned_to(life);
  intent.set_returned_by_itself(is_by_itself());
  pb::ReturnOverrides& overrides = *intent.mutable_overrides();
  overrides.set_leave_dump(options_.leave_dump);
  overrides.set_ignore_hook(options_.ignore_hook);
  overrides.set_unarmed(options_.unarmed);
  return keep(survey, std::move(intent));
}

Status GivebackRecord::end(const Survey& survey, std::uint32_t victim, IntentPhase phase) {
  return keep(survey, next(phase, victim));
}

pb::TakeoverIntent GivebackRecord::next(IntentPhase phase, std::uint32_t victim) const {
  const bool proven = intent_ && intent_->proven();
  pb::TakeoverIntent intent = intents_.next(intent_, phase, victim, proven);
  intent.set_automatic_returns(returns_);
  return intent;
}

Status GivebackRecord::keep(const Survey& survey, pb::TakeoverIntent intent) {
  const CopiesWritten written = intents_.write(survey, intent);
  for (const Error& problem : written.problems) work_.events(intent_not_kept(problem));
  for (const std::string& disk : written.rewritten) work_.events(slot_rewritten(disk));
  intent_ = std::move(intent);
  copies_ = written.copies;
  if (written.copies != 0) return {};
  return fail({.code = Code::kIo,
               .operation = "giveback",
               .disk = work_.config.persistent_directory,
               .detail = "neither it nor a mailbox disk has taken the intent"});
}

}  // namespace lastword
