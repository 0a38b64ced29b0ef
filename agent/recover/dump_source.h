// The disk that a dump is recovered from: its coredump header, and the changes of it that recovery
// is allowed to make.
#pragma once

#include <optional>
#include <string>

#include "proto/disk.pb.h"
#include "proto/error.h"
#include "proto/keys.h"
#include "proto/uuid.h"
#include "storage/block/block_device.h"
#include "storage/reserve/scsi_lun.h"

namespace lastword {

// What is referred to outlives every use.
struct DumpSource {
  BlockDevice& device;  // need only be readable as long as nothing is marked
  std::uint64_t metadata_offset = 0;
  ScsiLun* lun = nullptr;  // null: an image, which has no reservations
  ReservationKey own_key;  // this node's in this boot; 0: none, then nothing can be marked
};

struct Dump {
  pb::CoredumpHeader header;
  UuidBytes crash_id{};
  std::uint64_t extent_bytes = 0;  // of the header's extent: what this disk, or copy of one, has
  // So much of the stream had been flushed: damage in it is stepped over, not taken for its end.
  // All of the extent where that is not known (is_stand_in() in proto/coredump.h).
  std::uint64_t claimed_bytes = 0;
  // What the disk says, where that is of no dump and `header` was found by the stream alone.
  std::optional<pb::CoredumpHeader> record{};
  std::string header_problem;        // empty: `header` is the record. Else it stands in for it
  std::string label_problem;         // empty: it is the record. Else the next two are unknown
  std::string disk_uuid;             // empty: no readable label
  std::optional<UuidBytes> cluster;  // of the node that crashed; none where there is no such label
};

// "node1.5e9b4c0a": of a node that no configuration names, its number and the first digits of its
// cluster; only "node1" where that is not known.
[[nodiscard]] std::string number_name(const Dump& dump);

// The extent of a copy of a disk's first part goes beyond its end: `extent_bytes` is what is there.
// Where the record cannot be read, another header stands in for it (agent/disks/found_header.h);
// marking then writes a record in place of the bad one.
//
// `by_stream`: where the record is of no dump (INACTIVE, ARMED), the dump that the disk was armed
// over, if its sections are there. It cannot be marked.
//
// kNotFound: there is no dump (INACTIVE, ARMED). kRefused: its writer may be at work (IN_PROGRESS),
// unless `writer_is_over`. kCorrupt: the header contradicts itself or the disk.
[[nodiscard]] Result<Dump> read_dump(const DumpSource& source, bool writer_is_over,
                                     bool by_stream = false);

// What has become of the header since read_dump(): empty where it is the same, or only says by now
// that this dump is over or SAVED. Else, for people: the disk's content may be another one.
[[nodiscard]] std::string header_change(const DumpSource& source, const Dump& dump);

// Success where this node's key holds the reservation, or where there are none (image). kFenced or
// kRefused where it does not: nothing of that disk is this node's to change.
[[nodiscard]] Status check_holder(const DumpSource& source);

// COMPLETED or ABORTED -> SAVED, reason kept. Reads the header again first: kRefused when it is no
// longer about `crash_id`. Does nothing where it says SAVED already. kFenced: another node took the
// disk meanwhile.
[[nodiscard]] Status mark_saved(const DumpSource& source, const std::string& crash_id);

// IN_PROGRESS -> ABORTED(reason); any other header stays. The caller knows that the dump writer is
// over.
[[nodiscard]] Status mark_aborted(const DumpSource& source, const std::string& crash_id,
                                  pb::Reason reason);

// IN_PROGRESS of another life than this node's present one, on a disk that this node holds: its
// writer has lost the reservation or rebooted, and cannot be at work. Becomes ABORTED(REBOOTED),
// or ABORTED(STALLED) for the partner's dump. Any other header stays.
[[nodiscard]] Status end_orphaned_dump(const DumpSource& source, std::uint8_t self,
                                       std::uint32_t boot_generation);

}  // namespace lastword
