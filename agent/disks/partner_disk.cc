#include "agent/disks/partner_disk.h"

#include <google/protobuf/util/message_differencer.h>

#include <utility>

#include "agent/disks/found_header.h"
#include "agent/disks/seize_run.h"
#include "agent/protocol/ownership.h"
#include "proto/coredump.h"
#include "storage/block/record_io.h"

namespace lastword {
namespace {

using google::protobuf::util::MessageDifferencer;

Result<PairChoice> read_label(RecordIo& records, const TakeOrder& order, pb::Label& label) {
  const auto choice = records.read(RecordPlace::kLabel, label);
  if (!choice) return choice;
  if (label.cluster_uuid() != order.cluster_uuid || label.disk_uuid() != order.disk_uuid) {
    return fail({.code = Code::kRefused,
                 .operation = "take disk",
                 .disk = order.info.path,
                 .detail = "another disk has taken this name since it was surveyed"});
  }
  return choice;
}

Status write_label(RecordIo& records, const TakeOrder& order, std::int64_t unix_ms) {
  pb::Label label;
  const auto choice = read_label(records, order, label);
  if (!choice) return fail(choice.error());
  pb::Label taken = label_after_takeover(label, *parse_key(order.goal.own));
  if (MessageDifferencer::Equals(label, taken)) return {};
  taken.set_written_unix_ms(unix_ms);
  const auto written = records.write_both(RecordPlace::kLabel, *choice, taken);
  if (!written) return fail(written.error());
  return {};
}

// A header that cannot be read may be a dump's: then another takes its place, so that the dump is
// recovered like any other.
Status end_header_on_disk(BlockDevice& device, const TakeOrder& order, pb::CoredumpHeader& header) {
  // No dump goes to a disk of the service: whatever its header says is nobody's concern.
  if (order.serves) return {};
  auto found = find_header(device, order.metadata_offset);
  if (!found) {
    header.Clear();
    if (found.error().code == Code::kNotFound) return {};
    return fail(found.error());
  }
  header = std::move(found->header);
  const bool unknown = order.abort_reason == pb::REASON_NONE;  // it was not known to be a dump's
  if (!end_header(header, unknown ? pb::STALLED : order.abort_reason)) return {};
  RecordIo records(device, order.metadata_offset);
  const auto written = records.write(RecordPlace::kCoredump, found->at, header);
  if (!written) return fail(written.error());
  return {};
}

// Opened for reading: the reservation needs no more, and nothing is to be opened for writing that
// may still be the partner's.
Result<std::shared_ptr<OpenDisk>> open_by_name(Shelf& shelf, const TakeOrder& order) {
  auto disk = shelf.open(order.info, Access::kReadOnly, order.io_timeout);
  if (!disk) return fail(disk.error());
  RecordIo records(*disk->device, order.metadata_offset);
  pb::Label label;
  if (const auto found = read_label(records, order, label); !found) return fail(found.error());
  return std::make_shared<OpenDisk>(std::move(*disk));
}

// Of an error of read_label(): the disk did not give what is on it.
bool is_failed_read(Code code) {
  return code != Code::kNotFound && code != Code::kCorrupt && code != Code::kFutureVersion &&
         code != Code::kRefused;
}

// Of a disk that this node has reserved: it may take reservations, which its target keeps, and give
// no data.
Result<pb::Label> read_label_of_held(OpenDisk& disk, const TakeOrder& order,
                                     const TakeProgress& progress) {
  RecordIo records(*disk.device, order.metadata_offset);
  pb::Label label;
  const auto found = read_label(records, order, label);
  if (found) return label;
  if (order.serves && is_failed_read(found.error().code)) progress.on_unreadable(found.error());
  return fail(found.error());
}

Status take_reservation(OpenDisk& disk, const TakeOrder& order, const TakeProgress& progress,
                        TakenDisk& taken) {
  if (!disk.lun) {
    return fail({.code = Code::kUnsupported,
                 .operation = "take disk",
                 .disk = order.info.path,
                 .detail = "an image file has no reservations"});
  }
  SeizeNotes notes;
  const Status status = seize(*disk.lun, order.goal, &notes, order.seen, progress.on_giving_up);
  taken.used_reset = notes.used_reset;
  taken.aptpl_refused = notes.aptpl_refused;
  taken.foreign_removed = notes.foreign_removed;
  if (!status || notes.preempted || notes.was_reset) return status;
  // The victim's label, and nobody to preempt: a run before this one preempted and was interrupted,
  // perhaps before it could abort what the target had queued.
  const auto label = read_label_of_held(disk, order, progress);
  if (!label) return fail(label.error());
  const bool is_labelled = label->owner_node() == parse_key(order.goal.own)->node &&
                           label->owner_generation() == parse_key(order.goal.own)->boot_generation;
  const bool interrupted = notes.found_held && !is_labelled;
  if (label->owner_node() != order.goal.victim_node && !interrupted) return {};
  taken.used_reset = true;
  return disk.lun->logical_unit_reset();
}

bool is_promised_and_held(const TakeOrder& order) {
  return order.promised && order.seen && order.seen->holder &&
         order.seen->holder->holder == order.goal.own;
}

Status keep_promised(Shelf& shelf, const TakeOrder& order, std::int64_t unix_ms) {
  const auto disk = shelf.open(order.info, Access::kReadWrite, order.io_timeout);
  if (!disk) return fail(disk.error());
  RecordIo records(*disk->device, order.metadata_offset);
  return write_label(records, order, unix_ms);
}

Status write_records(Shelf& shelf, const TakeOrder& order, std::int64_t unix_ms,
                     pb::CoredumpHeader& header) {
  const auto disk = shelf.open(order.info, Access::kReadWrite, order.io_timeout);
  if (!disk) return fail(disk.error());
  RecordIo records(*disk->device, order.metadata_offset);
  if (Status status = write_label(records, order, unix_ms); !status) return status;
  return end_header_on_disk(*disk->device, order, header);
}

}  // namespace

TakenDisk take_disk(Shelf& shelf, Executor& executor, const TakeOrder& order,
                    std::shared_ptr<OpenDisk> open, const TakeProgress& progress) {
  TakenDisk taken;
  if (!open) {
    auto opened = open_by_name(shelf, order);
    if (!opened) {
      taken.status = fail(opened.error());
      return taken;
    }
    open = std::move(*opened);
  }
  if (order.serves) taken.cache_changes = shelf.write_back_early(order.info);
  TakeOrder now = order;
  if (is_promised_and_held(order)) {
    // Who it was promised to may be about to take it: it looks at the label once it is registered.
    taken.status = keep_promised(shelf, order, executor.unix_ms());
    if (!taken.status) return taken;
    now.seen.reset();
  }
  taken.status = take_reservation(*open, now, progress, taken);
  if (!taken.status) return taken;
  if (order.serves) {
    const auto label = read_label_of_held(*open, order, progress);
    // One that is damaged says nothing about the data.
    if (!label && is_failed_read(label.error().code)) taken.status = fail(label.error());
    if (!taken.status) return taken;
  }
  progress.on_held(order.serves ? shelf.drop_stale_cache(order.info) : Status());
  taken.status = write_records(shelf, order, executor.unix_ms(), taken.header);
  return taken;
}

}  // namespace lastword
