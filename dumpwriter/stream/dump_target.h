// One disk that a dump may go to: its records, the check before the first byte, its coredump
// header while the dump runs.
// Allocates until it is constructed and check() has seen records of the size they will have.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "dumpwriter/base/clock.h"
#include "dumpwriter/stream/disk_writer.h"
#include "dumpwriter/stream/progress.h"
#include "proto/disk.pb.h"
#include "proto/error.h"
#include "proto/uuid.h"
#include "storage/block/block_device.h"
#include "storage/block/record_io.h"
#include "storage/reserve/scsi_lun.h"

namespace lastword {

// What every coredump header of this dump says, whatever the disk.
struct DumpIdentity {
  std::uint32_t node = 0;
  std::uint32_t boot_generation = 0;
  UuidBytes crash_id{};
  milliseconds limit{0};
  std::uint64_t memory_bytes = 0;
  std::string kernel_release;  // of the dead kernel: any bytes
  std::string exclude;         // as PageFilter::text()
  CodecSetting codec;
};

// The disk's seams and places. All must outlive the target.
struct TargetDisk {
  BlockDevice& device;
  ScsiLun* lun;  // null: an image file, which has no reservations
  WriteEngine& engine;
  std::uint64_t metadata_offset;
};

class DumpTarget {
 public:
  // May a dump with these records and this reservation be written? Pure.
  using Rule = std::function<Status(const pb::Label&, const pb::CoredumpHeader&,
                                    const std::optional<Reservation>&)>;

  DumpTarget(const TargetDisk& disk, Rule rule, const DumpIdentity& identity, const Clock& clock,
             milliseconds io_timeout);

  [[nodiscard]] std::string_view name() const { return device_.name(); }
  // Known after check().
  [[nodiscard]] std::string_view disk_uuid() const { return label_.disk_uuid(); }
  [[nodiscard]] std::uint64_t extent_offset() const { return label_.data_offset_bytes(); }
  [[nodiscard]] std::uint64_t extent_length() const { return label_.data_length_bytes(); }

  // Reads the records and the reservation and applies the rule. Writes nothing. Blocks as long as
  // the disk does: call it through a BoundedCall.
  [[nodiscard]] Status check();

  // IN_PROGRESS, durable when this returns. Only after a check() that passed; nothing of the dump
  // is on the disk before.
  [[nodiscard]] Status start();
  // IN_PROGRESS with the figures of the durable prefix; returns without waiting. Not while the last
  // one is still being written.
  [[nodiscard]] Status submit_progress(const Progress& progress);
  // What the next header, which may be the last one, will say.
  void note_progress(const Progress& progress);
  // ABORTED(reason), or COMPLETED with REASON_NONE, durable when this returns. Only after start(),
  // whatever came of it. On an error the header may still say IN_PROGRESS.
  [[nodiscard]] Status finish(pb::Reason reason);

  // As it was written last.
  [[nodiscard]] const pb::CoredumpHeader& header() const { return header_; }

  [[nodiscard]] DiskWriter& writer() { return writer_; }

 private:
  [[nodiscard]] Status read_records();
  [[nodiscard]] Result<std::optional<Reservation>> read_reservation();
  [[nodiscard]] Status submit_header();
  [[nodiscard]] Status write_header_durably();
  [[nodiscard]] Error named(Error error) const;

  BlockDevice& device_;
  ScsiLun* lun_;
  std::uint64_t metadata_offset_;
  Rule rule_;
  const Clock& clock_;
  RecordIo records_;
  DiskWriter writer_;
  pb::Label label_;
  pb::CoredumpHeader found_;   // as check() read it
  pb::CoredumpHeader header_;  // as this dump writes it; its texts are set at construction
  // What note_progress() heard, for the next header.
  std::uint64_t scanned_bytes_ = 0;
  milliseconds eta_{0};
  FixedText<16> codec_;
  PairChoice place_;                    // of the next header
  std::optional<PairChoice> advanced_;  // place_ once the header on its way has arrived
};

}  // namespace lastword
