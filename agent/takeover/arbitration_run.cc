#include "agent/takeover/arbitration_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>

#include "agent/disks/mailbox_vote.h"
#include "agent/node/locks.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/start_plan.h"
#include "agent/protocol/takeover_input.h"
#include "agent/protocol/takeover_intent.h"

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
    const auto& disks = work_.state.mailbox_disks;
    const auto count = static_cast<unsigned>(disks.size());
    if (!failure_.cannot_race()) {
      return arbitrate(count, [&](unsigned index) { return vote_on({disks[index]}).front(); });
    }
    // A partner that has panicked, or has left, does not vote: no order is to be kept.
    const std::vector<Vote> votes = vote_on(disks);
    Tally tally{.total = count};
    for (const Vote vote : votes) {
      if (vote == Vote::kWon) ++tally.won;
      if (vote == Vote::kLost) ++tally.lost;
    }
    return tally;
  }

 private:
  // Owned in common with the thread that casts it.
  struct Ballot {
    const DiskView* disk = nullptr;  // of the survey; null: no vote can be cast
    std::shared_ptr<OpenDisk> open;
    DiskInfo info;
    std::uint64_t metadata_offset = 0;
    std::string uuid;
    VoteCast cast;
    SlotWritten slot;
    std::atomic<bool> given_up = false;  // nobody waits for it any more
  };

  [[nodiscard]] bool joined(const std::string& uuid) const {
    const auto& uuids = work_.state.mailbox_joined;
    return std::find(uuids.begin(), uuids.end(), uuid) != uuids.end();
  }

  [[nodiscard]] std::shared_ptr<Ballot> ballot_for(const std::string& uuid) const {
    auto ballot = std::make_shared<Ballot>();
    const DiskView* disk = find_mailbox(failure_.look.survey, work_.config, uuid);
    if (disk == nullptr || !joined(uuid)) return ballot;
    ballot->open = failure_.look.open.find(disk->info.path);
    if (!ballot->open || !ballot->open->lun) return ballot;
    ballot->disk = disk;
    ballot->info = ballot->open->info;
    ballot->metadata_offset = disk->metadata_offset;
    ballot->uuid = uuid;
    return ballot;
  }

  // Elsewhere, all at once: a disk that does not answer is no vote, and holds nothing up for long.
  std::vector<Vote> vote_on(const std::vector<std::string>& uuids) {
    std::vector<std::shared_ptr<Ballot>> ballots;
    for (const std::string& uuid : uuids) ballots.push_back(ballot_for(uuid));
    const OwnerIdentity self = own_identity(work_.config, work_.state.boot_generation);
    const auto done = work_.executor().fan_out(
        ballots.size(), 2 * work_.config.timing.settings.io_timeout,
        [ballots, self, goal = goal_, intents = intents_, intent = intent_,
         directory = work_.config.state_directory, executor = &work_.executor(),
         patience = work_.config.timing.settings.io_timeout](std::size_t i) {
          Ballot& ballot = *ballots[i];
          if (ballot.disk == nullptr) return;
          const auto note = [&]() -> Status {
            const auto written =
                intents.write_slot(ballot.info, ballot.metadata_offset, ballot.uuid, intent);
            if (!written) return fail(written.error());
            ballot.slot = *written;
            return {};
          };
          const auto lock = [&] { return lock_slot(directory, ballot.uuid, *executor, patience); };
          ballot.cast =
              cast_vote({*ballot.open->device, *ballot.open->lun, ballot.metadata_offset, lock},
                        goal, self, note, [&] { return ballot.given_up.load(); });
        });
    for (std::size_t i = 0; i < ballots.size(); ++i) ballots[i]->given_up = !done[i];
    std::vector<Vote> votes;
    for (std::size_t i = 0; i < ballots.size(); ++i) {
      const bool cast = ballots[i]->disk != nullptr && done[i];
      votes.push_back(cast ? count(*ballots[i]) : Vote::kUnknown);
    }
    return votes;
  }

  Vote count(const Ballot& ballot) {
    const VoteCast& cast = ballot.cast;
    if (cast.joined_again) {
      work_.events({.name = "reservations-lost",
                    .disk = ballot.disk->info.path,
                    .detail = "the shelf had lost this node's registration, and nobody took it",
                    .disk_uuid = ballot.uuid});
    }
    if (!cast.noted) tell_of(work_, cast.noted.error());
    if (cast.has_intent) ++copies_;
    if (ballot.slot.was_damaged) work_.events(slot_rewritten(ballot.disk->info.path));
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

Result<Arbitrated> win_arbitration(const TakeoverWork& work, const Failure& failure,
                                   const IntentLog& intents,
                                   const std::optional<pb::TakeoverIntent>& before,
                                   const pb::TakeoverIntent& intent) {
  const Survey& survey = failure.look.survey;
  if (is_taken_over_from(survey, work.config, work.state, before)) {
    return fail(taken_over_from());
  }
  const Status same_set = check_mailbox_set(survey, work.config, work.state.mailbox_disks);
  if (!same_set && !failure.cannot_race()) return fail(same_set.error());
  // A disk of that life that a label gives to this node was won by a vote, or by an order, before.
  const bool won_before =
      failure.resumed && has_disk_of_life(survey, work.config, intent.victim_generation());
  const bool has_all = owns_all_of_partner(survey, work.config);
  const Status heard =
      check_heard_set(survey, work.config, work.state.mailbox_disks, work.heard_set);
  if (!heard && !failure.cannot_race() && !failure.without_votes && !won_before && !has_all) {
    return fail(heard.error());
  }
  Arbitration arbitration(work, failure, intents, intent);
  const Tally tally = arbitration.hold();
  const Arbitrated won{.copies = arbitration.copies()};
  if (tally.majority() || (won_before && tally.lost == 0)) return won;
  const bool cannot_race = may_take_over(tally, failure.cannot_race());
  if (!cannot_race && has_all && tally.lost == 0) {
    return Arbitrated{.copies = won.copies, .without_right = true};
  }
  if (!cannot_race) return fail(no_majority(tally));
  work.events({.name = "no-majority",
               .disk = {},
               .detail = fmt::format("{} of {} mailbox disks won; a node that has panicked, or "
                                     "has left, cannot race, so none is needed",
                                     tally.won, tally.total)});
  return won;
}

void tell_of(const TakeoverWork& work, const Error& problem) {
  work.events(intent_not_kept(problem));
}

void tell_of(const TakeoverWork& work, const CopiesWritten& written) {
  for (const Error& problem : written.problems) tell_of(work, problem);
  for (const std::string& disk : written.rewritten) work.events(slot_rewritten(disk));
}

}  // namespace lastword
