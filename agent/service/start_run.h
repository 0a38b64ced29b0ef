// `lastword start`, done: takes this node's own disks into service and joins the mailbox disks, as
// start_plan.h decides. What happens to each disk is in agent/disks/own_disk.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol/start_plan.h"
#include "agent/service/disk_access.h"

namespace lastword {

enum class StartOutcome {
  // The partner has, or is getting, some of this node's disks, which this life has had before:
  // nothing was touched.
  kTakenOver,
  kWaits,    // likewise, in a life that has had none of them: see StartPlan::waits
  kNoDisk,   // there is no disk to take: nothing was touched
  kStarted,  // see `results` and plan.refused for what is not in service
};

// A note in the persistent directory that could not be written. The life goes on without it.
struct NoteNotKept {
  Error problem;
  std::string_view follows;  // for people
};
[[nodiscard]] std::string describe(const NoteNotKept& note);

struct StartReport {
  StartOutcome outcome = StartOutcome::kStarted;
  Survey survey;
  StartPlan plan;
  // Disk UUIDs of mailbox disks that an earlier start saw and this one does not. They count as
  // votes that are not won.
  std::vector<std::string> missing_mailboxes;
  // The disks that were to be taken or joined, as indices into the survey. kWaits: mailbox disks.
  std::vector<std::size_t> disks;
  // For each of `disks` its coredump header in service (INACTIVE for a mailbox disk), or why it is
  // not in service.
  std::vector<Result<pb::CoredumpHeader>> results;
  std::vector<DiskRemark> remarks;  // what the operator should look after
  std::vector<NoteNotKept> not_kept;
};

// Holds lock_state() meanwhile. The node's state says what this start is about to do before the
// first disk is touched: a start that was killed may be run again, and keeps its generation.
// `reinstalled`: this machine's note of its last boot generation does not count, only what the
// disks tell of it. `may_be_coming`: see plan_start(). `waiting_life`: kRefused
// unless that life still waits, or has not announced its service. Errors: another command is at
// work (kRefused), the plan says no, or the state could not be kept; in the last case some disks
// may be in service. A note that cannot be kept is an error only for a life that would leave no
// other trace: one that waits and has no mailbox disk.
[[nodiscard]] Result<StartReport> start_node(const Config& config, bool reinstalled,
                                             const DiskAccess& access, bool may_be_coming = true,
                                             std::optional<std::uint32_t> waiting_life = {});

}  // namespace lastword
