#include "dumpwriter/stream/dump_target.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "proto/coredump.h"
#include "proto/format_text.h"
#include "proto/printable.h"
#include "proto/record.h"
#include "proto/unit_attention.h"

namespace lastword {

DumpTarget::DumpTarget(const TargetDisk& disk, Rule rule, const DumpIdentity& identity,
                       const Clock& clock, milliseconds io_timeout)
    : device_(disk.device),
      lun_(disk.lun),
      metadata_offset_(disk.metadata_offset),
      rule_(std::move(rule)),
      clock_(clock),
      records_(disk.device, disk.metadata_offset),
      writer_(disk.engine, clock, io_timeout) {
  header_.set_node(identity.node);
  header_.set_boot_generation(identity.boot_generation);
  header_.set_crash_id(to_string(identity.crash_id));
  header_.set_limit_ms(
      static_cast<std::uint64_t>(std::max(identity.limit.count(), milliseconds::rep{0})));
  header_.set_memory_bytes(identity.memory_bytes);
  header_.set_kernel_release(
      std::string(printable<kMaxKernelRelease>(identity.kernel_release).view()));
  header_.set_exclude(identity.exclude);
  codec_ = text_of(identity.codec);
  header_.set_codec(std::string(codec_.view()));
}

Status DumpTarget::check() {
  if (Status status = read_records(); !status) return status;
  const auto reservation = read_reservation();
  if (!reservation) return fail(named(reservation.error()));
  if (Status status = rule_(label_, found_, *reservation); !status) {
    return fail(named(status.error()));
  }
  const std::uint64_t offset = label_.data_offset_bytes();
  const std::uint64_t length = label_.data_length_bytes();
  if (offset % kBlockBytes != 0 || length % kBlockBytes != 0 || length == 0 ||
      offset > device_.size_bytes() || length > device_.size_bytes() - offset) {
    return fail({.code = Code::kCorrupt,
                 .operation = "check candidate",
                 .disk = name(),
                 .detail = format_text("data region of {} bytes at {} does not fit the disk's {}",
                                       length, offset, device_.size_bytes())});
  }
  return {};
}

Status DumpTarget::read_records() {
  const auto label = records_.read(RecordPlace::kLabel, label_);
  if (!label) return fail(label.error());
  const auto header = records_.read(RecordPlace::kCoredump, found_);
  advanced_.reset();
  if (header) {
    place_ = *header;
  } else if (header.error().code == Code::kNotFound) {
    found_.Clear();  // INACTIVE
    place_ = {};
  } else {
    return fail(header.error());
  }
  return {};
}

Result<std::optional<Reservation>> DumpTarget::read_reservation() {
  if (lun_ == nullptr) return std::nullopt;
  return past_unit_attentions([this] { return lun_->read_reservation(); });
}

Status DumpTarget::start() {
  // A later candidate begins when an earlier one has failed, and a dump by hand without a panic:
  // that says nothing about the boot of a capture kernel.
  const bool first = found_.attribute() == pb::ARMED && found_.rank() == 1;
  begin_dump(header_, found_, {.offset_bytes = extent_offset(), .length_bytes = extent_length()},
             {.unix_ms = wall_clock().count(),
              .since_panic = first ? clock_.since_panic() : milliseconds{0}});
  return write_header_durably();
}

Status DumpTarget::submit_progress(const Progress& progress) {
  note_progress(progress);
  return submit_header();
}

void DumpTarget::note_progress(const Progress& progress) {
  scanned_bytes_ = progress.scanned_bytes;
  eta_ = progress.eta;
  codec_ = text_of(progress.codec);
}

Status DumpTarget::finish(pb::Reason reason) {
  if (Status status = writer_.settle(); !status) return fail(named(status.error()));
  const bool ended =
      reason == pb::REASON_NONE ? complete_dump(header_) : abort_dump(header_, reason);
  assert(ended);
  static_cast<void>(ended);
  eta_ = milliseconds(0);
  return write_header_durably();
}

Status DumpTarget::submit_header() {
  // After a failed write the same slot is written again: the other one has the only valid record.
  if (advanced_ && !writer_.header_failed()) place_ = *advanced_;
  const StreamMark& durable = writer_.durable();
  set_figures(header_, {.elapsed = clock_.since_panic(),
                        .eta = eta_,
                        .durable_bytes = durable.stream_bytes,
                        .scanned_bytes = scanned_bytes_,
                        .stored_pages = durable.stored_pages,
                        .zero_pages = durable.zero_pages,
                        .excluded_pages = sum_of(durable.excluded_pages),
                        .unclassified_pages = durable.unclassified_pages,
                        .codec = codec_.view()});
  const auto block = writer_.header_block();
  if (Status status = write_slot(block, RecordKind::kCoredumpHeader, place_.next_sequence, header_);
      !status) {
    return fail(named(status.error()));
  }
  const std::uint64_t offset = metadata_offset_ + slot_offset(RecordPlace::kCoredump, place_.next);
  if (Status status = writer_.submit_header(offset); !status) return fail(named(status.error()));
  advanced_ = PairChoice{
      .current = place_.next, .next = 1 - place_.next, .next_sequence = place_.next_sequence + 1};
  return {};
}

Status DumpTarget::write_header_durably() {
  if (Status status = submit_header(); !status) return status;
  if (Status status = writer_.drain(); !status) return fail(named(status.error()));
  if (Status status = writer_.submit_flush(); !status) return fail(named(status.error()));
  if (Status status = writer_.drain(); !status) return fail(named(status.error()));
  return {};
}

Error DumpTarget::named(Error error) const {
  if (error.disk.empty()) error.disk = name();
  return error;
}

}  // namespace lastword
