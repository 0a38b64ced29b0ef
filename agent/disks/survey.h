// What all disks of the cluster say right now: labels, coredump headers, registrations and
// reservations, read in parallel and without opening a disk for writing. The common ground of
// start, candidates, arm, check and takeover.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/node/config.h"
#include "proto/disk.pb.h"
#include "proto/keys.h"
#include "proto/record.h"
#include "storage/reserve/disk.h"
#include "storage/reserve/scsi_lun.h"

namespace lastword {

struct SurveyedDisk {
  DiskInfo info;
  std::uint64_t metadata_offset = 0;
  std::optional<pb::Label> label;     // absent: not labelled (problem is empty), or see problem
  pb::CoredumpHeader header;          // INACTIVE where never written
  std::uint64_t header_sequence = 0;  // of the slot that counts; 0: never written
  std::optional<Error> problem;       // a record could not be read: sick, damaged or newer disk
  std::vector<ReservationKey> keys;
  std::optional<Reservation> reservation;
  bool aptpl = false;                 // the target can keep registrations over a power loss
  std::optional<Error> scsi_problem;  // registrations and reservation are unknown
  // Read-only, as it was read from; shared by whoever goes on with the disk, so that a name that
  // moves can mislead nobody. Null: not open, or not labelled.
  std::shared_ptr<OpenDisk> open;
};

struct Survey {
  std::vector<SurveyedDisk> disks;  // every SCSI disk of the machine, by path
};

// Never fails for one disk's sake; that disk carries its problem. Takes at most about two I/O
// time-outs, whatever hangs.
[[nodiscard]] Result<Survey> survey_disks(const Config& config);

// Belongs to this cluster (label readable and of this cluster).
[[nodiscard]] bool in_cluster(const SurveyedDisk& disk, const Config& config);
// The node (id) whose key, of any generation, holds the reservation; 0: none, or no key of ours.
[[nodiscard]] std::uint8_t holder_node(const SurveyedDisk& disk, const Config& config);

[[nodiscard]] bool is_registered(const SurveyedDisk& disk, ReservationKey key);
// By a key of any generation.
[[nodiscard]] bool is_registered(const SurveyedDisk& disk, const Config& config, std::uint8_t node);
// The latest life of the node that any of the cluster's disks tells of, by label, header or key. 0:
// none does.
[[nodiscard]] std::uint32_t latest_generation(const Survey& survey, const Config& config,
                                              std::uint8_t node);
// The cluster's disks with this UUID, as indices: more than one where a clone or a snapshot of a
// disk is in sight, and nothing tells which is the right one.
[[nodiscard]] std::vector<std::size_t> disks_with_uuid(const Survey& survey, const Config& config,
                                                       std::string_view uuid);

}  // namespace lastword
