#include "agent/daemon/take_anew.h"

#include <memory>
#include <utility>
#include <vector>

#include "agent/disks/disk_work.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "agent/protocol/automatic_giveback_plan.h"
#include "agent/protocol/mailbox.h"

namespace lastword {
namespace {

using Disks = std::vector<std::size_t>;

}  // namespace

// take_own_disk() registers first, and reads the label after that: if the partner took the disk
// meanwhile, the label says so.
void TakeAnew::follow(const Survey& survey, const NodeState& state,
                      const std::optional<pb::TakeoverIntent>& intent, bool partner_waits) {
  if (busy_) return;
  const bool gives = state.waiting && partner_waits && gives_first(config_) &&
                     !tells_of_lost_vote(survey, config_, state.boot_generation);
  const LostReservations lost = find_lost_reservations(survey, config_, state, gives);
  const bool returning = intent && intent->phase() == pb::TakeoverIntent::RETURNING;
  Disks borrowed = returning || gives ? find_borrowed(survey, config_, state) : Disks();
  borrowed.insert(borrowed.end(), lost.borrowed.begin(), lost.borrowed.end());
  if (!lost.any() && borrowed.empty()) return;
  auto lock = lock_state(config_);
  if (!lock) return;
  const auto now = load_node_state(config_);
  if (!now || now->key != state.key) return;
  busy_ = true;
  Disks disks = lost.own;
  disks.insert(disks.end(), borrowed.begin(), borrowed.end());
  disks.insert(disks.end(), lost.mailbox.begin(), lost.mailbox.end());
  const SlotWriter writer =
      slot_writer(config_, state.boot_generation, state.mailbox_disks, surveyor_.executor());
  const std::size_t own = lost.own.size();
  const std::size_t held = own + borrowed.size();
  const DiskWork take = [writer, intent, own, held](
                            const OwnDisk& disk,
                            std::size_t position) -> Result<pb::CoredumpHeader> {
    if (position < own) return take_own_disk(disk, writer.member.self);
    if (position < held) return hold_again(disk, writer.member.self);
    const auto joined = join_mailbox_disk(disk, writer, intent);
    if (!joined) return fail(joined.error());
    return pb::CoredumpHeader();
  };
  using Results = std::vector<Result<pb::CoredumpHeader>>;
  run_elsewhere<Results>(
      surveyor_.executor(), loop_,
      [survey, disks, take, lock = std::make_shared<FileDescriptor>(std::move(*lock)),
       shelf = &surveyor_.shelf(), executor = &surveyor_.executor(),
       timeout = config_.timing.settings.io_timeout] {
        auto results = work_on_disks(survey, disks, timeout, take, *shelf, *executor);
        // This closure may live until after its result was told.
        lock->reset();
        return results;
      },
      [this, survey, disks, own, held](const Results& results) {
        busy_ = false;
        for (std::size_t i = 0; i < results.size(); ++i) {
          const DiskView& disk = survey.disks[disks[i]];
          const bool again = i >= own && i < held;
          const std::string done =
              again ? "a disk of the partner's that this node owns, by the key of its present life"
                    : "the shelf had lost this node's reservation, and nobody took it; it is taken "
                      "anew";
          events_({.name = again ? "held-again" : "reservations-lost",
                   .disk = disk.info.path,
                   .detail = results[i] ? done : describe(results[i].error()),
                   .disk_uuid = disk.label->disk_uuid()});
        }
      });
}

}  // namespace lastword
