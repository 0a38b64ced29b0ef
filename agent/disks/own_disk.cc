#include "agent/disks/own_disk.h"

#include <fmt/format.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>

#include "agent/disks/mailbox_vote.h"
#include "agent/disks/seize_run.h"
#include "agent/node/locks.h"
#include "proto/coredump.h"
#include "proto/unit_attention.h"

namespace lastword {
namespace {

using google::protobuf::util::MessageDifferencer;

tl::unexpected<Error> at_disk(Error error, const ScsiLun& lun) {
  if (error.disk.empty()) error.disk = lun.name();
  return fail(error);
}

bool contains(const std::vector<ReservationKey>& keys, ReservationKey key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// RELEASE, then unregister. A conflict on the way means that the registration is gone already.
Status give_up_reservation(ScsiLun& lun, ReservationKey key) {
  if (Status status = past_unit_attentions([&] { return lun.release(key, kOwnerType); });
      !status && status.error().code != Code::kConflict) {
    return at_disk(status.error(), lun);
  }
  if (Status gone = unregister(lun); !gone) return at_disk(gone.error(), lun);
  return {};
}

Status unregister_if_registered(ScsiLun& lun, ReservationKey key) {
  const auto registrations = past_unit_attentions([&] { return lun.read_keys(); });
  if (!registrations) return at_disk(registrations.error(), lun);
  if (!contains(registrations->keys, key)) return {};
  return give_up_reservation(lun, key);
}

Result<pb::Label> label_of(HeldDisk& held, const OwnDisk& disk) {
  auto label = held.label();
  if (!label || label->disk_uuid() == disk.disk_uuid) return label;
  return fail({.code = Code::kGone,
               .operation = "find disk",
               .disk = disk.lun.name(),
               .detail = "another disk has taken this name since it was surveyed; run it again"});
}

using LabelChange = Result<pb::Label>(const pb::Label& label, const OwnerIdentity& self);

Status write_records_in_service(HeldDisk& disk, const OwnerIdentity& self, LabelChange& become,
                                std::int64_t unix_ms, pb::CoredumpHeader& header) {
  const auto label = disk.label();
  if (!label) return fail(label.error());
  auto in_service = become(*label, self);
  if (!in_service) return fail(in_service.error());
  const auto old_header = disk.header();
  if (!old_header) return fail(old_header.error());
  if (!MessageDifferencer::Equals(*label, *in_service)) {
    in_service->set_written_unix_ms(unix_ms);
    if (Status status = disk.put_label(*in_service); !status) return status;
  }
  header = header_after_reboot(*old_header, {self.node, self.boot_generation});
  if (MessageDifferencer::Equals(*old_header, header)) return {};
  return disk.put_header(header);
}

Error not_promised(const OwnDisk& disk) {
  return {.code = Code::kRefused,
          .operation = "take disk back",
          .disk = disk.lun.name(),
          .detail = "it is not promised to this life of this node any more"};
}

// An earlier life, to which the disk was promised, had taken it, and died before it wrote the
// label.
Result<bool> was_received(ScsiLun& lun, const pb::Label& label, const OwnerIdentity& self) {
  if (label.promised_node() != self.node) return false;
  if (Status ready = wait_until_ready(lun); !ready) return fail(ready.error());
  const auto reservation = past_unit_attentions([&] { return lun.read_reservation(); });
  if (!reservation) return at_disk(reservation.error(), lun);
  if (!*reservation) return false;
  const auto holder = parse_key((*reservation)->holder);
  return holder && holder->cluster == cluster_key_bits(self.cluster_uuid) &&
         holder->node == self.node;
}

// A run of this life before this one held the disk and did not come to the label, perhaps not to
// the reset that follows RESERVE.
Status reset_after_interruption(const OwnDisk& disk, HeldDisk& held, const OwnerIdentity& self) {
  const auto label = held.label();
  if (!label) return fail(label.error());
  const bool done =
      label->owner_node() == self.node && label->owner_generation() == self.boot_generation;
  return done ? Status() : disk.lun.logical_unit_reset();
}

Result<pb::CoredumpHeader> seize_into_service(const OwnDisk& disk, HeldDisk& held,
                                              const OwnerIdentity& self, const SeizeGoal& goal,
                                              LabelChange& become, SeizeNotes* noted) {
  SeizeNotes notes;
  const Status seized = seize(disk.lun, goal, &notes);
  if (noted != nullptr) *noted = notes;
  if (!seized) return fail(seized.error());
  if (notes.found_held) {
    if (Status reset = reset_after_interruption(disk, held, self); !reset) {
      return at_disk(reset.error(), disk.lun);
    }
  }
  pb::CoredumpHeader header;
  if (Status written = write_records_in_service(held, self, become, disk.unix_ms, header);
      !written) {
    if (written.error().code == Code::kRefused) {
      // Not ours after all. Failing to give it back is less important than saying so.
      (void)give_up_reservation(disk.lun, self.key);
    }
    return at_disk(written.error(), disk.lun);
  }
  return header;
}

}  // namespace

Result<pb::CoredumpHeader> change_header(const OwnDisk& disk, ReservationKey key,
                                         const HeaderChange& change) {
  HeldDisk held(disk.device, disk.lun, disk.metadata_offset, key);
  if (const auto same = label_of(held, disk); !same) return fail(same.error());
  auto now = held.header();
  if (!now) return now;
  auto changed = change(*now);
  if (!changed) return at_disk(changed.error(), disk.lun);
  if (MessageDifferencer::Equals(*now, *changed)) return changed;
  if (Status written = held.put_header(*changed); !written) return fail(written.error());
  return changed;
}

Result<pb::CoredumpHeader> take_own_disk(const OwnDisk& disk, const OwnerIdentity& self,
                                         SeizeNotes* notes) {
  HeldDisk held(disk.device, disk.lun, disk.metadata_offset, self.key);
  const auto label = label_of(held, disk);
  if (!label) return fail(label.error());
  const SeizeGoal goal{.own = self.key,
                       .was_registered = contains(disk.keys, self.key),
                       .labelled = owner_in(*label)};
  return seize_into_service(disk, held, self, goal, label_in_service, notes);
}

Result<pb::CoredumpHeader> take_promised_disk(const OwnDisk& disk, const OwnerIdentity& self,
                                              std::uint8_t giver) {
  HeldDisk held(disk.device, disk.lun, disk.metadata_offset, self.key);
  const auto label = label_of(held, disk);
  if (!label) return fail(label.error());
  const auto mine = is_promised_to(*label, self.node, self.boot_generation)
                        ? Result<bool>(true)
                        : was_received(disk.lun, *label, self);
  if (!mine) return fail(mine.error());
  if (label->owner_node() != giver || !*mine) return fail(not_promised(disk));
  // A giver that takes the disk back writes the label first, and then removes who is registered:
  // one of the two sees the other.
  const SeizeGoal beside{.own = self.key, .shared = true};
  if (Status registered = seize(disk.lun, beside); !registered) return fail(registered.error());
  const auto again = held.label();
  const bool still = again && again->owner_node() == giver &&
                     again->promised_node() == label->promised_node() &&
                     again->promised_generation() == label->promised_generation();
  if (!still) {
    (void)unregister(disk.lun);
    return fail(again ? not_promised(disk) : again.error());
  }
  const SeizeGoal goal{.own = self.key,
                       .victim_node = giver,
                       .victim_generation = label->owner_generation(),
                       .was_registered = true,
                       .labelled = owner_in(*label)};
  return seize_into_service(disk, held, self, goal, label_received, nullptr);
}

Result<pb::CoredumpHeader> hold_again(const OwnDisk& disk, const OwnerIdentity& self) {
  HeldDisk held(disk.device, disk.lun, disk.metadata_offset, self.key);
  const auto label = label_of(held, disk);
  if (!label) return fail(label.error());
  const SeizeGoal goal{.own = self.key,
                       .was_registered = contains(disk.keys, self.key),
                       .labelled = owner_in(*label)};
  return seize_into_service(disk, held, self, goal, label_held_again, nullptr);
}

Result<SlotWritten> join_mailbox_disk(const OwnDisk& disk, const SlotWriter& writer,
                                      const std::optional<pb::TakeoverIntent>& intent,
                                      SeizeNotes* notes) {
  const OwnerIdentity& self = writer.member.self;
  HeldDisk held(disk.device, disk.lun, disk.metadata_offset, self.key);
  if (const auto same = label_of(held, disk); !same) return fail(same.error());
  const RecordPlace partner_slot = writer.member.place == RecordPlace::kMailboxLow
                                       ? RecordPlace::kMailboxHigh
                                       : RecordPlace::kMailboxLow;
  const auto lock = [&] {
    return lock_slot(writer.state_directory, disk.disk_uuid, *writer.executor, writer.patience);
  };
  const Status joined = join({disk.device, disk.lun, disk.metadata_offset, lock}, self,
                             partner_slot, contains(disk.keys, self.key), notes);
  if (!joined) return fail(joined.error());
  return enter_slot({disk.device, disk.metadata_offset, disk.disk_uuid}, writer, intent);
}

Status release_own_disk(const OwnDisk& disk, const OwnerIdentity& self) {
  HeldDisk held(disk.device, disk.lun, disk.metadata_offset, self.key);
  if (const auto same = label_of(held, disk); !same) return fail(same.error());
  if (Status ready = wait_until_ready(disk.lun); !ready) return ready;
  const auto reservation = past_unit_attentions([&] { return disk.lun.read_reservation(); });
  if (!reservation) return at_disk(reservation.error(), disk.lun);
  // With no reservation, an earlier stop was interrupted between its last two steps.
  if (!reservation->has_value()) return unregister_if_registered(disk.lun, self.key);
  if (Status mine = require_hold(disk.lun, self.key); !mine) return mine;
  auto label = held.label();
  if (!label) return fail(label.error());
  if (label->owner_node() == self.node) {
    label->set_owner_node(0);
    label->set_owner_generation(0);
    label->clear_owner_mailbox_set();
    label->set_ownership_epoch(label->ownership_epoch() + 1);
    label->set_written_unix_ms(disk.unix_ms);
    if (Status written = held.put_label(*label); !written) return written;
  }
  return give_up_reservation(disk.lun, self.key);
}

Status leave_mailbox_disk(const OwnDisk& disk, const SlotWriter& writer) {
  const OwnerIdentity& self = writer.member.self;
  HeldDisk held(disk.device, disk.lun, disk.metadata_offset, self.key);
  if (const auto same = label_of(held, disk); !same) return fail(same.error());
  if (Status ready = wait_until_ready(disk.lun); !ready) return ready;
  const auto registrations = past_unit_attentions([&] { return disk.lun.read_keys(); });
  if (!registrations) return at_disk(registrations.error(), disk.lun);
  if (!contains(registrations->keys, self.key)) return {};
  (void)say_gone({disk.device, disk.metadata_offset, disk.disk_uuid}, writer);
  return give_up_reservation(disk.lun, self.key);
}

}  // namespace lastword
