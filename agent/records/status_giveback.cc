#include <utility>

#include "agent/protocol/automatic_giveback_plan.h"
#include "agent/records/status_parts.h"

namespace lastword {

void add_giveback(const StatusFacts& facts, pb::StatusReport& report) {
  const Config& config = *facts.config;
  if (!facts.intent || !has_partner_disk(facts.survey, config)) return;
  const pb::TakeoverIntent& intent = *facts.intent;
  const bool back = intent.phase() == pb::TakeoverIntent::TAKEN ||
                    intent.phase() == pb::TakeoverIntent::RETURNING;
  if (!back) return;
  pb::StatusGiveback& giveback = *report.mutable_giveback();
  giveback.set_under_way(is_under_way(intent));
  giveback.set_life(giveback.under_way() ? intent.returned_to() : 0);
  giveback.set_automatic(giveback.under_way() ? intent.returned_by_itself() : config.giveback.on);
  giveback.set_returns(intent.automatic_returns());
  giveback.set_most(config.giveback.most);
  if (auto limit = against_another(config, intent)) {
    add_reason(*giveback.mutable_against(), std::move(limit->reason), std::move(limit->remedy));
  }
}

}  // namespace lastword
