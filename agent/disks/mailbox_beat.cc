#include "agent/disks/mailbox_beat.h"

#include <algorithm>
#include <utility>

#include "proto/unit_attention.h"
#include "storage/block/record_io.h"

namespace lastword {
namespace {

Error not_registered(const MailboxBeat& beat) {
  return {.code = Code::kConflict,
          .operation = "write heartbeat",
          .disk = beat.info.path,
          .detail = "this node is not registered on the disk: `lastword start`"};
}

Status open_disk_of(Shelf& shelf, MailboxBeat& beat) {
  if (beat.open) return {};
  auto opened = shelf.open(beat.info, Access::kReadWrite, beat.io_timeout);
  if (!opened) return fail(opened.error());
  auto open = std::make_shared<OpenDisk>(std::move(*opened));
  pb::Label label;
  RecordIo records(*open->device, beat.metadata_offset);
  if (const auto found = records.read(RecordPlace::kLabel, label); !found) {
    return fail(found.error());
  }
  if (!open->lun || label.disk_uuid() != beat.disk_uuid) {
    return fail({.code = Code::kGone,
                 .operation = "write heartbeat",
                 .disk = beat.info.path,
                 .detail = "another disk has taken this name since it was surveyed"});
  }
  beat.open = std::move(open);
  return {};
}

// A write need not conflict where nobody holds the disk, so the registration is looked at first.
Status write(MailboxBeat& beat) {
  if (!beat.writes) return {};
  ScsiLun& lun = *beat.open->lun;
  const auto keys = past_unit_attentions([&] { return lun.read_keys(); });
  if (!keys) return fail(keys.error());
  if (std::ranges::count(keys->keys, beat.writer.member.self.key) == 0) {
    return fail(not_registered(beat));
  }
  const auto slot = write_beat({*beat.open->device, beat.metadata_offset, beat.disk_uuid},
                               beat.writer, beat.beat);
  if (!slot && slot.error().code == Code::kFenced) {
    pb::MailboxSlot own;
    RecordIo records(*beat.open->device, beat.metadata_offset);
    if (records.read(beat.writer.member.place, own)) beat.own = std::move(own);
  }
  if (!slot) return fail(slot.error());
  beat.own = *slot;
  beat.written = slot->sequence();
  return {};
}

Status read(MailboxBeat& beat, Executor& executor) {
  const RecordPlace place = beat.writer.member.place == RecordPlace::kMailboxLow
                                ? RecordPlace::kMailboxHigh
                                : RecordPlace::kMailboxLow;
  beat.asked = executor.now();
  pb::MailboxSlot slot;
  RecordIo records(*beat.open->device, beat.metadata_offset);
  const auto found = records.read(place, slot);
  if (!found && found.error().code != Code::kNotFound) return fail(found.error());
  beat.slot = found ? slot : pb::MailboxSlot();
  return {};
}

}  // namespace

void run_beat(Shelf& shelf, Executor& executor, MailboxBeat& beat) {
  Status status = open_disk_of(shelf, beat);
  if (status) {
    const Status written = write(beat);
    status = read(beat, executor);
    if (status) status = written;
  }
  if (!status) {
    beat.problem = status.error();
    if (beat.problem->disk.empty()) beat.problem->disk = beat.info.path;
    // Opened anew the next time: the device may have gone and come again.
    if (!beat.slot) beat.open.reset();
  }
  beat.back = executor.now();
  beat.done.store(true, std::memory_order_release);
}

}  // namespace lastword
