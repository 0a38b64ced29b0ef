#include "agent/takeover/arbitration_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "agent/disks/mailbox_vote.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/start_plan.h"
#include "agent/protocol/takeover_input.h"

namespace lastword {
namespace {

class Arbitration {
 public:
  Arbitration(const TakeoverWork& work, const Failure& failure, const IntentLog& intents,
              const pb::TakeoverIntent& intent)
      : work_(work),
        failure_(failure),
        intents_(intents),
        intent_(intent),
        goal_{.own = work.state.key,
              .victim_node = work.config.partner.id,
              .victim_generation = intent.victim_generation()} {}

  [[nodiscard]] unsigned copies() const { return copies_; }

  Tally hold() {
    const auto count = static_cast<unsigned>(work_.state.mailbox_disks.size());
    return arbitrate(count, [this](unsigned index) {
      const DiskView* disk =
          find_mailbox(failure_.look.survey, work_.config, work_.state.mailbox_disks[index]);
      return disk == nullptr || !joined(*disk) ? Vote::kUnknown : vote_on(*disk);
    });
  }

 private:
  [[nodiscard]] bool joined(const DiskView& disk) const {
    const auto& uuids = work_.state.mailbox_joined;
    return std::find(uuids.begin(), uuids.end(), disk.label->disk_uuid()) != uuids.end();
  }

  // Elsewhere: a disk that does not answer is no vote, and holds nothing up for long.
  Vote vote_on(const DiskView& disk) {
    const auto open = failure_.look.open.find(disk.info.path);
    if (!open || !open->lun) return Vote::kUnknown;
    const OwnerIdentity self = own_identity(work_.config, work_.state.boot_generation);
    struct Ballot {
      VoteCast cast;
      SlotWritten slot;
    };
    const auto ballot = std::make_shared<Ballot>();
    const auto done = work_.executor().fan_out(
        1, 2 * work_.config.timing.settings.io_timeout,
        [ballot, open, self, goal = goal_, intents = intents_, intent = intent_,
         offset = disk.metadata_offset, uuid = disk.label->disk_uuid()](std::size_t) {
          const auto note = [&]() -> Status {
            const auto written = intents.write_slot(open->info, offset, uuid, intent);
            if (!written) return fail(written.error());
            ballot->slot = *written;
            return {};
          };
          ballot->cast = cast_vote({*open->device, *open->lun, offset}, goal, self, note);
        });
    if (!done.front()) return Vote::kUnknown;
    const VoteCast& cast = ballot->cast;
    if (cast.joined_again) {
      work_.events({.name = "reservations-lost",
                    .disk = disk.info.path,
                    .detail = "the shelf had lost this node's registration, and nobody took it",
                    .disk_uuid = disk.label->disk_uuid()});
    }
    if (!cast.noted) tell_of(work_, cast.noted.error());
    if (cast.has_intent) ++copies_;
    if (ballot->slot.was_damaged) work_.events(slot_rewritten(disk.info.path));
    return cast.vote;
  }

  const TakeoverWork& work_;
  const Failure& failure_;
  const IntentLog& intents_;
  const pb::TakeoverIntent& intent_;
  SeizeGoal goal_;
  unsigned copies_ = 0;  // of the intent, that are durable
};

}  // namespace

Result<unsigned> win_arbitration(const TakeoverWork& work, const Failure& failure,
                                 const IntentLog& intents, const pb::TakeoverIntent& intent) {
  const Survey& survey = failure.look.survey;
  if (partner_has_taken_over(survey, work.config)) return fail(taken_over_from());
  const Status same_set = check_mailbox_set(survey, work.config, work.state.mailbox_disks);
  if (!same_set && !failure.proven) return fail(same_set.error());
  Arbitration arbitration(work, failure, intents, intent);
  const Tally tally = arbitration.hold();
  if (tally.majority()) return arbitration.copies();
  if (!may_take_over(tally, failure.proven)) return fail(no_majority(tally));
  work.events({.name = "no-majority",
               .disk = {},
               .detail = fmt::format("{} of {} mailbox disks won; a node whose panic is proven "
                                     "cannot race, so none is needed",
                                     tally.won, tally.total)});
  return arbitration.copies();
}

void tell_of(const TakeoverWork& work, const Error& problem) {
  work.events(intent_not_kept(problem));
}

void tell_of(const TakeoverWork& work, const CopiesWritten& written) {
  for (const Error& problem : written.problems) tell_of(work, problem);
  for (const std::string& disk : written.rewritten) work.events(slot_rewritten(disk));
}

}  // namespace lastword
