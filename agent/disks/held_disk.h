// A disk that this node holds, open for changing its records. Every write is preceded by a look at
// the reservation: a node that was fenced, or a disk that was never taken, is found out before a
// byte is sent, and the target refuses what comes after.
#pragma once

#include "proto/disk.pb.h"
#include "storage/block/record_io.h"
#include "storage/reserve/scsi_lun.h"

namespace lastword {

// TEST UNIT READY until it has nothing more to tell. A conflict is no reason to wait: some disks
// answer so to a node that is not registered.
[[nodiscard]] Status wait_until_ready(ScsiLun& lun);

// kFenced when anybody but `key` holds the reservation right now; kRefused when nobody does.
[[nodiscard]] Status require_hold(ScsiLun& lun, ReservationKey key);

class HeldDisk {
 public:
  // `device` and `lun` are one disk and must outlive this. Nothing is sent yet.
  HeldDisk(BlockDevice& device, ScsiLun& lun, std::uint64_t metadata_offset, ReservationKey key)
      : lun_(lun), key_(key), records_(device, metadata_offset) {}

  [[nodiscard]] Result<pb::Label> label();
  // INACTIVE where it was never written.
  [[nodiscard]] Result<pb::CoredumpHeader> header();

  // Replace the record, in both slots. On an error it reads as either the old or the new one.
  [[nodiscard]] Status put_label(const pb::Label& label);
  [[nodiscard]] Status put_header(const pb::CoredumpHeader& header);

 private:
  ScsiLun& lun_;
  ReservationKey key_;
  RecordIo records_;
};

}  // namespace lastword
