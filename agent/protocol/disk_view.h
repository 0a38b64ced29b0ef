// What the disks of the cluster say, as plain data: all that a decision may know of them. Reading
// it is agent/disks/survey.h; the descriptors stay there.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/protocol/config.h"
#include "proto/disk.pb.h"
#include "proto/disk_info.h"
#include "proto/error.h"
#include "proto/keys.h"
#include "proto/reservation.h"

namespace lastword {

struct DiskView {
  DiskInfo info;
  std::uint64_t metadata_offset = 0;
  std::optional<pb::Label> label;     // absent: not labelled (problem is empty), or see problem
  pb::CoredumpHeader header;          // INACTIVE where never written
  std::uint64_t header_sequence = 0;  // of the slot that counts; 0: never written
  // It was written since the rest was read: who held the disk then may not hold it now.
  bool header_is_newer = false;
  // Of a mailbox disk, one for each node, in the order of their ids; empty where never written.
  std::array<pb::MailboxSlot, 2> mailbox = {};
  std::array<bool, 2> mailbox_damaged = {};  // likewise: both copies of that slot; see `problem`
  std::optional<Error> problem;  // a record could not be read: sick, damaged or newer disk
  // Of a disk whose label could not be read: as an earlier look of this program read it, on a disk
  // of the same path, description and size. For what need not be waited for, and never for what may
  // be taken.
  std::optional<pb::Label> label_before = {};
  // `keys`, `reservation` and `aptpl` were read, a moment ago.
  bool reservations_known = false;
  std::vector<ReservationKey> keys;
  std::optional<Reservation> reservation;
  bool aptpl = false;                 // the target keeps registrations over a power loss, or may
  std::optional<Error> scsi_problem;  // why registrations or reservation are unknown
};

struct Survey {
  std::vector<DiskView> disks;  // every SCSI disk of the machine, by path
};

// What one more reading of a coredump header found.
struct SeenHeader {
  std::size_t disk = 0;  // index in the list that was asked about
  Result<pb::CoredumpHeader> header;
  std::uint64_t sequence = 0;  // of the slot that counts; 0: never written
};

// Makes what was seen what is known of the disk: the newer of both headers, or why there is none.
void update_header(DiskView& disk, const SeenHeader& seen);
// A header never goes back: of disks that `fresh` reads older than `known`, an earlier survey, or
// not at all, the known one still counts.
void keep_newer_headers(Survey& fresh, const Survey& known);

// Belongs to this cluster (label readable and of this cluster).
[[nodiscard]] bool in_cluster(const DiskView& disk, const Config& config);
// The node (id) whose key, of any generation, holds the reservation; 0: none, or no key of ours.
[[nodiscard]] std::uint8_t holder_node(const DiskView& disk, const Config& config);

[[nodiscard]] bool is_registered(const DiskView& disk, ReservationKey key);
// By a key of any generation.
[[nodiscard]] bool is_registered(const DiskView& disk, const Config& config, std::uint8_t node);
// Keys registered by neither node of the cluster, each once: with type 5 they may write.
[[nodiscard]] std::vector<ReservationKey> foreign_registrants(const DiskView& disk,
                                                              const Config& config);
// The latest life of the node that any of the cluster's disks tells of, by label, header or key. 0:
// none does.
[[nodiscard]] std::uint32_t latest_generation(const Survey& survey, const Config& config,
                                              std::uint8_t node);
// Likewise the latest life that has had a disk of its own: a node that waits for its giveback is
// registered on mailbox disks alone.
[[nodiscard]] std::uint32_t latest_serving_generation(const Survey& survey, const Config& config,
                                                      std::uint8_t node);
// The cluster's disks with this UUID, as indices: more than one where a clone or a snapshot of a
// disk is in sight, and nothing tells which is the right one.
[[nodiscard]] std::vector<std::size_t> disks_with_uuid(const Survey& survey, const Config& config,
                                                       std::string_view uuid);

}  // namespace lastword
