#include "agent/disks/given_disk.h"

#include <google/protobuf/util/message_differencer.h>

#include "agent/disks/held_disk.h"
#include "agent/protocol/ownership.h"

namespace lastword {
namespace {

using google::protobuf::util::MessageDifferencer;

// A label that this node may change: of the disk that was surveyed, which it holds and owns.
Result<pb::Label> read_own(HeldDisk& held, const OwnDisk& disk, const OwnerIdentity& self) {
  auto label = held.label();
  if (!label) return label;
  if (label->disk_uuid() != disk.disk_uuid) {
    return fail({.code = Code::kGone,
                 .operation = "find disk",
                 .disk = disk.lun.name(),
                 .detail = "another disk has taken this name since it was surveyed; run it again"});
  }
  if (Status ready = wait_until_ready(disk.lun); !ready) return fail(ready.error());
  if (Status mine = require_hold(disk.lun, self.key); !mine) return fail(mine.error());
  if (label->cluster_uuid() == self.cluster_uuid && label->owner_node() == self.node) return label;
  return fail({.code = Code::kRefused,
               .operation = "give back",
               .disk = disk.lun.name(),
               .detail = "its label says that another node owns it"});
}

Status put_changed(HeldDisk& held, const OwnDisk& disk, const pb::Label& now, pb::Label changed) {
  if (MessageDifferencer::Equals(now, changed)) return {};
  changed.set_written_unix_ms(disk.unix_ms);
  return held.put_label(changed);
}

}  // namespace

Status promise_disk(const OwnDisk& disk, const OwnerIdentity& self, const NodeLife& to) {
  HeldDisk held(disk.device, disk.lun, disk.metadata_offset, self.key);
  const auto label = read_own(held, disk, self);
  if (!label) return fail(label.error());
  if (label->home_node() != to.node || label->role() == pb::MAILBOX) {
    return fail({.code = Code::kRefused,
                 .operation = "give back",
                 .disk = disk.lun.name(),
                 .detail = "its label changed meanwhile: its home is another node"});
  }
  return put_changed(
      held, disk, *label,
      label_promised(*label, static_cast<std::uint8_t>(to.node), to.boot_generation));
}

Status withdraw_promise(const OwnDisk& disk, const OwnerIdentity& self) {
  HeldDisk held(disk.device, disk.lun, disk.metadata_offset, self.key);
  const auto label = read_own(held, disk, self);
  if (!label) return fail(label.error());
  return put_changed(held, disk, *label, label_unpromised(*label));
}

}  // namespace lastword
