#include "agent/daemon/take_anew.h"

#include <memory>
#include <utility>
#include <vector>

#include "agent/disks/disk_work.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "agent/protocol/mailbox.h"

namespace lastword {

// take_own_disk() registers first, and reads the label after that: if the partner took the disk
// meanwhile, the label says so.
void TakeAnew::follow(const Survey& survey, const NodeState& state,
                      const std::optional<pb::TakeoverIntent>& intent) {
  if (busy_) return;
  const LostReservations lost = find_lost_reservations(survey, config_, state);
  if (!lost.any()) return;
  auto lock = lock_state(config_);
  if (!lock) return;
  const auto now = load_node_state(config_);
  if (!now || now->key != state.key) return;
  busy_ = true;
  std::vector<std::size_t> disks = lost.own;
  disks.insert(disks.end(), lost.mailbox.begin(), lost.mailbox.end());
  const SlotWriter writer =
      slot_writer(config_, state.boot_generation, state.mailbox_disks, surveyor_.executor());
  const DiskWork take = [writer, intent, own = lost.own.size()](
                            const OwnDisk& disk,
                            std::size_t position) -> Result<pb::CoredumpHeader> {
    if (position < own) return take_own_disk(disk, writer.member.self);
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
        return work_on_disks(survey, disks, timeout, take, *shelf, *executor);
      },
      [this, survey, disks](const Results& results) {
        busy_ = false;
        for (std::size_t i = 0; i < results.size(); ++i) {
          const DiskView& disk = survey.disks[disks[i]];
          events_({.name = "reservations-lost",
                   .disk = disk.info.path,
                   .detail = results[i] ? "the shelf had lost this node's reservation, and nobody "
                                          "took it; it is taken anew"
                                        : describe(results[i].error()),
                   .disk_uuid = disk.label->disk_uuid()});
        }
      });
}

}  // namespace lastword
