#include "agent/disks/stray_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "proto/unit_attention.h"

namespace lastword {
namespace {

Error refused(const OwnDisk& disk, std::string_view detail) {
  return {.code = Code::kRefused,
          .operation = "remove stray registration",
          .disk = disk.lun.name(),
          .detail = detail};
}

Result<pb::Label> read_label(const OwnDisk& disk) {
  pb::Label label;
  const auto found = RecordIo(disk.device, disk.metadata_offset).read(RecordPlace::kLabel, label);
  if (!found) return fail(found.error());
  if (label.disk_uuid() == disk.disk_uuid) return label;
  return fail(refused(disk, "another disk has taken this name since it was surveyed"));
}

bool is_of_node(ReservationKey key, const OwnerIdentity& self) {
  const auto parts = parse_key(key);
  const auto own = parse_key(self.key);
  return parts && own && parts->cluster == own->cluster && parts->node == own->node;
}

}  // namespace

Status remove_stray_keys(const OwnDisk& disk, const OwnerIdentity& self,
                         const std::vector<ReservationKey>& keys) {
  const auto label = read_label(disk);
  if (!label) return fail(label.error());
  if (label->owner_node() != self.node) {
    return fail(refused(disk, "its label names another owner by now"));
  }
  return seize(disk.lun, {.own = self.key, .was_registered = true, .strays = keys});
}

Status withdraw_stray_key(const OwnDisk& disk, const OwnerIdentity& self) {
  const auto label = read_label(disk);
  if (!label) return fail(label.error());
  const auto reservation = past_unit_attentions([&] { return disk.lun.read_reservation(); });
  if (!reservation) return fail(reservation.error());
  const bool held = reservation->has_value() && is_of_node((*reservation)->holder, self);
  if (held || label->owner_node() == self.node) {
    return fail(refused(disk, "this node has it by now"));
  }
  if (Status gone = unregister(disk.lun); !gone) return gone;
  const auto left = past_unit_attentions([&] { return disk.lun.read_keys(); });
  if (!left) return fail(left.error());
  const auto own =
      std::ranges::find_if(left->keys, [&](ReservationKey key) { return is_of_node(key, self); });
  if (own == left->keys.end()) return {};
  return fail(refused(disk, fmt::format("{} of this node's earlier life is still registered, by a "
                                        "path that is gone: `lastword start` on the disk's owner "
                                        "removes it",
                                        to_string(*own))));
}

}  // namespace lastword
