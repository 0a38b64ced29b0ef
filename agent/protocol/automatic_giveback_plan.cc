#include "agent/protocol/automatic_giveback_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/protocol/mailbox.h"

namespace lastword {
namespace {

using Does = SteadyPartner::Does;

Does what_it_does(pb::NodePhase phase) {
  switch (phase) {
    case pb::PHASE_WAITING:
    case pb::PHASE_RECEIVING:
      return Does::kWaits;
    case pb::PHASE_UNSEEN:
    case pb::PHASE_PAIRED:
    case pb::PHASE_SUSPECT:
      return Does::kServes;
    default:
      return Does::kOther;
  }
}

Veto objection(std::string reason, std::string remedy) {
  return {.reason = std::move(reason), .remedy = std::move(remedy)};
}

bool is_kept_from_partner(const std::optional<pb::TakeoverIntent>& intent, const Config& config) {
  return intent && intent->victim_node() == config.partner.id &&
         (intent->phase() == pb::TakeoverIntent::TAKEN ||
          intent->phase() == pb::TakeoverIntent::RETURNING);
}

ReturnStep left_to_operator(Veto why) {
  return {.next = NextReturn::kLeftToOperator, .reasons = {std::move(why)}};
}

}  // namespace

void SteadyPartner::observe(const std::optional<pb::MailboxSlot>& newest, Standing standing,
                            Instant now) {
  const bool speaks = newest && standing == Standing::kHeard && newest->presence() == pb::WATCHING;
  const Does does = speaks ? what_it_does(newest->phase()) : Does::kOther;
  const std::uint32_t life = newest ? newest->generation() : 0;
  if (does == does_ && life == life_) return;
  does_ = does;
  life_ = life;
  since_ = now;
}

Refusals refusals_of_giveback(const ClusterSwitches& known, std::int64_t now_unix_ms) {
  ClusterSwitches disable = known;
  disable.peer.clear_no_takeover();  // it says nothing of a way back
  return why_held_back(disable, now_unix_ms);
}

std::optional<Veto> against_another(const Config& config,
                                    const std::optional<pb::TakeoverIntent>& intent) {
  if (!config.giveback.on || !is_kept_from_partner(intent, config) || is_under_way(intent)) {
    return std::nullopt;
  }
  if (intent->automatic_returns() < config.giveback.most) return std::nullopt;
  return objection(
      fmt::format("{} has got its disks back {} times in a row without an operator's word, "
                  "and failed again each time",
                  config.partner.name, intent->automatic_returns()),
      "find out why it fails; then `lastword giveback` here, which begins the count anew");
}

namespace {

// The disks that an earlier life of this node holds are first held by this one (TakeAnew).
ReturnStep resume_step(const Survey& survey, const Config& config, const NodeState& state,
                       const GivebackPlan& plan, const SteadyPartner& partner,
                       const ReturnMemory& memory, Instant now) {
  const Instant patience = memory.resuming_since.value_or(now) + config.timing.giveback_taking();
  if (!find_borrowed(survey, config, state).empty() && now < patience) {
    return {.next = NextReturn::kWait, .at = now};
  }
  // There is no way back, and nobody who would take what is promised.
  if (plan.past_return && partner.does() != Does::kWaits && !state.mailbox_disks.empty()) {
    return {.next = NextReturn::kWait, .at = now};
  }
  return {.next = NextReturn::kResume};
}

}  // namespace

ReturnStep next_return(const Survey& survey, const Config& config, const NodeState& state,
                       const std::optional<pb::TakeoverIntent>& intent, const PartnerWord& word,
                       const SteadyPartner& partner, const Refusals& refusals,
                       const ReturnMemory& memory, Instant now) {
  const AutomaticGiveback& rule = config.giveback;
  const bool ended = intent && intent->phase() == pb::TakeoverIntent::ENDED;
  if (ended && intent->automatic_returns() != 0 && partner.does() == Does::kServes &&
      now - partner.since() >= service_that_counts(rule)) {
    return {.next = NextReturn::kForget};
  }
  const bool waits = partner.does() == Does::kWaits;
  const bool both_wait = waits && state.waiting && gives_first(config);
  if (!intent || !has_partner_disk(survey, config)) return {};
  if (!both_wait && !is_kept_from_partner(intent, config)) return {};
  if (is_under_way(intent) || memory.rebooted) {
    return resume_step(survey, config, state, plan_giveback(survey, config, state, intent, word),
                       partner, memory, now);
  }
  if (!both_wait) {
    if (!rule.on || !waits) return {};
    if (auto limit = against_another(config, intent)) return left_to_operator(std::move(*limit));
  }
  if (partner.life() == memory.called_off_life) {
    return left_to_operator(
        objection(fmt::format("the automatic giveback to life {} of {} was called off",
                              partner.life(), config.partner.name),
                  "mend what the event giveback-called-off tells of; `lastword giveback`"));
  }
  if (now - partner.since() < rule.stable) {
    return {.next = NextReturn::kWait, .at = partner.since() + rule.stable};
  }
  ReturnStep step{.next = NextReturn::kHeldBack};
  for (const Refusal& one : refusals) step.reasons.push_back(objection(one.reason, one.remedy));
  auto plan = plan_giveback(survey, config, state, intent, word);
  std::ranges::move(plan.vetoes, std::back_inserter(step.reasons));
  if (step.reasons.empty()) step.next = NextReturn::kBegin;
  return step;
}

}  // namespace lastword
