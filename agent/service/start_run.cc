#include "agent/service/start_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "agent/disks/intent_log.h"
#include "agent/node/locks.h"
#include "agent/node/persistent_files.h"
#include "agent/node/state_files.h"
#include "agent/service/stray_run.h"

namespace lastword {
namespace {

using Uuids = std::set<std::string>;

std::vector<std::string> sorted(const Uuids& uuids) {
  return {uuids.begin(), uuids.end()};
}

// UUIDs of the mailbox disks in sight and of those that any earlier start saw. A disk that has
// vanished since still counts when a majority is needed.
Result<Uuids> mailbox_uuids(const Config& config, StartReport& report) {
  const auto known = load_known_mailboxes(config);
  if (!known) return fail(known.error());
  Uuids seen;
  for (const DiskView& disk : report.survey.disks) {
    if (is_mailbox_disk(disk, config)) seen.insert(disk.label->disk_uuid());
  }
  std::ranges::copy_if(*known, std::back_inserter(report.missing_mailboxes),
                       [&](const std::string& uuid) { return !seen.contains(uuid); });
  seen.insert(known->begin(), known->end());
  return seen;
}

struct DiskNotes {
  SeizeNotes seize;
  SlotWritten slot;
};

// What was noted of each disk, by threads that may be left behind.
class SharedNotes {
 public:
  void put(std::size_t position, const DiskNotes& notes) {
    const std::lock_guard lock(mutex_);
    notes_[position] = notes;
  }
  [[nodiscard]] std::map<std::size_t, DiskNotes> all() {
    const std::lock_guard lock(mutex_);
    return notes_;
  }

 private:
  std::mutex mutex_;
  std::map<std::size_t, DiskNotes> notes_;
};

// What served them has ended with the life before this one (PartOf=, or the hook service-leaving).
// Nothing has ended the service of a disk of the partner's.
Status forget_own_service(const Config& config, const Survey& survey) {
  std::vector<std::string> own;
  for (const DiskView& disk : survey.disks) {
    if (is_own_disk(disk, config)) own.push_back(disk.label->disk_uuid());
  }
  return forget_told(config, own);
}

void take_disks(const SlotWriter& writer, const std::optional<pb::TakeoverIntent>& intent,
                const DiskAccess& access, StartReport& report) {
  const StartPlan& plan = report.plan;
  report.disks = plan.own;
  report.disks.insert(report.disks.end(), plan.mailbox.begin(), plan.mailbox.end());
  report.remarks = plan.remarks;
  const auto shared = std::make_shared<SharedNotes>();
  report.results =
      access.work(report.survey, report.disks,
                  [writer, intent, shared, own_count = plan.own.size()](
                      const OwnDisk& disk, std::size_t position) -> Result<pb::CoredumpHeader> {
                    DiskNotes notes;
                    Result<pb::CoredumpHeader> header;
                    if (position < own_count) {
                      header = take_own_disk(disk, writer.member.self, &notes.seize);
                    } else {
                      const auto joined = join_mailbox_disk(disk, writer, intent, &notes.seize);
                      if (joined) notes.slot = *joined;
                      if (!joined) header = fail(joined.error());
                    }
                    shared->put(position, notes);
                    return header;
                  });
  for (const auto& [position, notes] : shared->all()) {
    if (!report.results[position]) continue;
    const std::size_t disk = report.disks[position];
    if (notes.seize.aptpl_refused) report.remarks.push_back({disk, std::string(kAptplRefused)});
    if (notes.slot.was_damaged) report.remarks.push_back({disk, std::string(kSlotWasDamaged)});
  }
}

// A life that this boot had begun to serve, and that the state directory does not know of, was not
// stopped.
bool is_lost(const Config& config, std::string_view boot_id) {
  const auto before = load_life_in_boot(config);
  if (!before || before->boot_id != boot_id) return false;
  const auto known = load_last_life(config);
  return before->lost || (known ? known->lost : known.error().code == Code::kNotFound);
}

// A node may have nothing but disks for dumps.
bool may_serve(const StartReport& report) {
  const auto may_be_of_service = [&](std::size_t disk) {
    const auto& label = report.survey.disks[disk].label;
    return !label || label->role() == pb::SERVICE;
  };
  return std::ranges::any_of(report.plan.own, may_be_of_service) ||
         std::ranges::any_of(report.plan.refused, may_be_of_service, &DiskRemark::disk);
}

// `life`: as an earlier start of it left it.
Status take(const Config& config, const std::optional<NodeState>& life, const DiskAccess& access,
            StartReport& report) {
  Uuids before;  // mailbox disks that it joined, or was about to
  if (life) before.insert(life->mailbox_joined.begin(), life->mailbox_joined.end());
  const OwnerIdentity self = own_identity(config, report.plan.boot_generation);
  const auto note = [&report](const Status& kept, std::string_view follows) {
    if (!kept) report.not_kept.push_back({kept.error(), follows});
  };
  // The label of each disk that it takes, and its slots, tell of this life too.
  const Status counted = keep_last_generation(config, self.boot_generation);
  if (!counted && report.plan.own.empty() && report.plan.mailbox.empty()) return counted;
  note(counted,
       "otherwise the start after the next boot asks whether another machine uses this node's id");
  if (!life || life->boot_generation != self.boot_generation) {
    if (Status forgotten = forget_own_service(config, report.survey); !forgotten) return forgotten;
  }
  const auto mailboxes = mailbox_uuids(config, report);
  if (!mailboxes) return fail(mailboxes.error());
  // With a set that is too small, and so other than the partner's, this node takes over on a proven
  // panic only.
  note(keep_known_mailboxes(config, sorted(*mailboxes)),
       "otherwise a mailbox disk that the next boot does not see does not count there");
  // Saved before the first disk is touched. A start that is killed and run again then keeps its
  // generation, and knows on which mailbox disks its key may have been: a key that is gone from
  // there may be a lost vote.
  const auto uuid_at = [&](std::size_t disk) {
    return report.survey.disks[disk].label->disk_uuid();
  };
  Uuids joined = before;
  for (const std::size_t disk : report.plan.mailbox) joined.insert(uuid_at(disk));
  NodeState state{.boot_generation = self.boot_generation,
                  .key = self.key,
                  .mailbox_disks = sorted(*mailboxes),
                  .mailbox_joined = sorted(joined),
                  .waiting = report.plan.waits};
  const auto boot_id = read_boot_id();
  if (!boot_id) return fail(boot_id.error());
  state.lost = is_lost(config, *boot_id);
  const bool untold = life && (life->unannounced || life->waiting);
  state.unannounced = untold && !report.plan.waits && may_serve(report);
  if (Status saved = save_node_state(config, state); !saved) return saved;
  // After the state: a start that is killed in between has served nothing. Who waits serves
  // nothing.
  if (!state.waiting || state.lost) {
    note(keep_life_in_boot(config, {.boot_id = *boot_id, .lost = state.lost}),
         "otherwise a loss of /run/lastword in this boot would not be noticed");
  }
  const KnownIntent known = read_intent(config, report.survey);
  SlotWriter writer =
      slot_writer(config, self.boot_generation, state.mailbox_disks, access.executor);
  writer.keeps_damaged = !known.problems.empty();
  take_disks(writer, known.intent, access, report);
  for (std::size_t i = report.plan.own.size(); i < report.disks.size(); ++i) {
    const std::string uuid = uuid_at(report.disks[i]);
    if (!report.results[i] && !before.contains(uuid)) joined.erase(uuid);
  }
  if (joined.size() != state.mailbox_joined.size()) {
    state.mailbox_joined = sorted(joined);
    if (Status saved = save_node_state(config, state); !saved) return saved;
  }
  if (!state.waiting) clear_strays(config, state, access, report);
  return {};
}

}  // namespace

std::string describe(const NoteNotKept& note) {
  return fmt::format(
      "{}; this node goes on without that note. Make room there, or make it writable, then run "
      "`lastword start`: {}",
      describe(note.problem), note.follows);
}

Result<StartReport> start_node(const Config& config, bool reinstalled, const DiskAccess& access,
                               bool may_be_coming, std::optional<std::uint32_t> waiting_life) {
  const auto lock = lock_state(config, access.executor, kPatienceWithCommand);
  if (!lock) return fail(lock.error());
  const auto state = load_node_state(config);
  if (!state && state.error().code != Code::kNotFound) return fail(state.error());
  const bool unserved = state && (state->waiting || state->unannounced);
  if (waiting_life && !(unserved && state->boot_generation == *waiting_life)) {
    return fail({.code = Code::kRefused,
                 .operation = "start",
                 .detail = "the life that waited is over, or has its disks: another command ran"});
  }
  auto survey = access.survey();
  if (!survey) return fail(survey.error());
  const auto last_generation = load_last_generation(config);
  if (!last_generation) return fail(last_generation.error());
  auto plan = plan_start(*survey, config, state ? std::optional(*state) : std::nullopt,
                         reinstalled ? std::nullopt : std::optional(*last_generation),
                         may_be_coming, access.executor.unix_ms());
  if (!plan) return fail(plan.error());
  StartReport report{.survey = std::move(*survey), .plan = std::move(*plan)};
  if (report.plan.waits) {
    report.outcome = StartOutcome::kWaits;
  } else if (!report.plan.taken_over.empty()) {
    report.outcome = StartOutcome::kTakenOver;
    return report;
  }
  // A node may have no disks of its own and stand by for its partner; one that sees none at all has
  // a problem, and no generation to count.
  if (!report.plan.waits && report.plan.own.empty() && report.plan.mailbox.empty()) {
    report.outcome = StartOutcome::kNoDisk;
    return report;
  }
  const auto life = state ? std::optional(*state) : std::nullopt;
  if (Status taken = take(config, life, access, report); !taken) return fail(taken.error());
  return report;
}

}  // namespace lastword
