#include "agent/daemon/return_run.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "agent/disks/intent_log.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "agent/protocol/mailbox.h"

namespace lastword {
namespace {

// Writes the intent anew, with no automatic giveback in it. Nothing where another intent counts by
// now, or another command is at work.
Result<bool> forget_returns(const Config& config, Surveyor& surveyor, std::uint64_t decided_on) {
  const auto lock = lock_takeover(config);
  if (!lock) return false;
  const auto state = load_node_state(config);
  if (!state) return fail(state.error());
  const auto look = surveyor.look();
  if (!look) return fail(look.error());
  const auto intent = read_intent(config, look->survey).intent;
  if (!intent || intent->number() != decided_on) return false;
  const IntentLog intents(config, *state, surveyor.shelf(), surveyor.executor());
  pb::TakeoverIntent next =
      intents.next(intent, intent->phase(), intent->victim_generation(), intent->proven());
  next.set_automatic_returns(0);
  const CopiesWritten written = intents.write(look->survey, next);
  if (written.copies == 0) return fail(written.problems.front());
  return true;
}

}  // namespace

void ReturnRun::hear(const std::optional<pb::MailboxSlot>& newest, Standing standing) {
  newest_ = newest;
  standing_ = standing;
  partner_.observe(newest, standing, surveyor_.executor().now());
}

void ReturnRun::remember(const Survey& survey, const NodeState& state,
                         const std::optional<pb::TakeoverIntent>& intent) {
  const bool called_off =
      intent && intent->phase() == pb::TakeoverIntent::RETURNING && intent->returned_to() == 0;
  if (!called_off) notes_->returns.rebooted = false;
  notes_->returns.rebooted |= called_off && !find_borrowed(survey, config_, state).empty();
  if (!is_under_way(intent) && !notes_->returns.rebooted) {
    notes_->returns.resuming_since.reset();
  } else if (!notes_->returns.resuming_since) {
    notes_->returns.resuming_since = surveyor_.executor().now();
  }
}

ReturnStep ReturnRun::next(const Survey& survey, const NodeState& state,
                           const std::optional<pb::TakeoverIntent>& intent,
                           const ClusterSwitches& switches) const {
  ClusterSwitches known = switches;
  if (newest_) known.peer = newer(known.peer, newest_->switches());
  const PartnerWord word{.slot = newest_, .heard = standing_ == Standing::kHeard};
  return next_return(survey, config_, state, intent, word, partner_,
                     refusals_of_giveback(known, surveyor_.executor().unix_ms()), notes_->returns,
                     surveyor_.executor().now());
}

void ReturnRun::follow(const Survey& survey, const NodeState& state,
                       const std::optional<pb::TakeoverIntent>& intent,
                       const ClusterSwitches& switches) {
  if (busy_) return;
  remember(survey, state, intent);
  if (surveyor_.executor().now() < notes_->no_return_before) return;
  const ReturnStep step = next(survey, state, intent, switches);
  switch (step.next) {
    case NextReturn::kNothing:
      notes_->told_of_returns.clear();
      return;
    case NextReturn::kWait:
      return;
    case NextReturn::kHeldBack:
      return tell_once("giveback-held-back", step.reasons);
    case NextReturn::kLeftToOperator:
      return tell_once("giveback-left-to-operator", step.reasons);
    case NextReturn::kResume:
      if (!told_in_vain_) give_back(options_of_resumed(*intent, state));
      return;
    case NextReturn::kBegin:
      return give_back({.by = GivebackBy::kRule, .decided_on = intent->number()});
    case NextReturn::kForget:
      return forget(intent->number());
  }
}

void ReturnRun::give_back(const GivebackOptions& options) {
  busy_ = true;
  run_elsewhere<Result<GivebackReport>>(
      surveyor_.executor(), loop_,
      [config = &config_, surveyor = surveyor_, events = events_, hands = hands_,
       options]() mutable {
        const GivebackWork work{
            .config = *config, .surveyor = surveyor, .events = events, .run_hook = hands.run_hook};
        return lastword::give_back(work, options);
      },
      [this, options, life = partner_.life()](const Result<GivebackReport>& report) {
        busy_ = false;
        on_given(options, life, report);
        changed_();
      });
}

void ReturnRun::on_given(const GivebackOptions& options, std::uint32_t life,
                         const Result<GivebackReport>& report) {
  if (!report) {
    if (report.error().code == Code::kRefused) return;  // another command is at work
    return tell_once("giveback-held-back", {{.reason = describe(report.error())}});
  }
  // The service was told once.
  if (options.by == GivebackBy::kResumed) notes_->returns.rebooted = false;
  if (report->complete || (report->problem.empty() && report->vetoes.empty())) return;
  // Others may want to take over, or to give back, and wait for the lock.
  notes_->no_return_before = surveyor_.executor().now() + config_.timing.giveback_taking();
  told_in_vain_ |= options.to_life != 0;
  if (report->problem.empty() || options.by != GivebackBy::kRule) return;
  notes_->returns.called_off_life = life;
}

void ReturnRun::forget(std::uint64_t decided_on) {
  busy_ = true;
  run_elsewhere<Result<bool>>(
      surveyor_.executor(), loop_,
      [config = &config_, surveyor = surveyor_, decided_on]() mutable {
        return forget_returns(*config, surveyor, decided_on);
      },
      [this](const Result<bool>& done) {
        busy_ = false;
        if (!done)
          return tell_once("giveback-count-not-ended", {{.reason = describe(done.error())}});
        if (!*done) return;
        changed_();
        events_({.name = "giveback-count-ended",
                 .disk = {},
                 .detail = fmt::format(
                     "{} has served for {:g} s: automatic givebacks count from "
                     "the beginning",
                     config_.partner.name,
                     static_cast<double>(service_that_counts(config_.giveback).count()) / 1000)});
      });
}

void ReturnRun::tell_once(std::string event, const std::vector<Veto>& reasons) {
  std::string text;
  for (const Veto& one : reasons) {
    text += fmt::format("{}{}{}{}", text.empty() ? "" : "; ", one.reason,
                        one.remedy.empty() ? "" : ": ", one.remedy);
  }
  if (std::exchange(notes_->told_of_returns, text) == text) return;
  events_({.name = std::move(event), .disk = {}, .detail = std::move(text)});
}

}  // namespace lastword
