// May this disk be labelled? What was found on it, and the decision as a pure function of that.
// Reading the findings and writing the label are in agent/records/label_run.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/protocol/disk_view.h"
#include "proto/disk.pb.h"
#include "proto/error.h"
#include "proto/reservation.h"
#include "storage/reserve/disk.h"
#include "storage/tables/signatures.h"

namespace lastword {

struct LabelRequest {
  std::string cluster_uuid;
  pb::Role role = pb::ROLE_UNSPECIFIED;
  std::uint8_t home_node = 0;  // 0 for a mailbox only
  std::uint8_t self_node = 0;  // its reservation is no obstacle; 0: every one is
  bool adopt = false;
  bool force = false;
  bool wipe = false;  // force destroys what was adopted, too
};

struct DiskFindings {
  DiskInfo info;
  std::vector<std::string> uses;           // of the running system; storage/tables/signatures.h
  std::vector<Signature> disk_signatures;  // of the disk as a whole, partition tables left out
  // In the partitions that would be removed, and in the data region that would be made.
  std::vector<Signature> signatures;
  std::optional<FoundTable> table;
  // The disk's lastword metadata partition, and what is in it. Absent label: never written, or see
  // label_problem.
  std::optional<Partition> metadata;
  std::optional<pb::Label> label;
  pb::CoredumpHeader header;           // INACTIVE where never written
  std::optional<Error> label_problem;  // label or header: damaged, newer, or not readable
  // Registrations alone are no obstacle: both nodes are registered on mailbox disks.
  std::optional<Reservation> reservation;
  std::optional<Error> reservation_problem;
  // Other disks of this machine that carry this very label, by path.
  std::vector<std::string> copies;
  // Where the partitions would go, or why they cannot.
  Result<DiskLayout> layout = DiskLayout{};
  // Adoption: the first byte that is not zero in the gap that the metadata would fill.
  std::optional<std::uint64_t> gap_data_bytes;
};

struct LabelVerdict {
  bool nothing_to_do = false;           // carries this very label already
  std::vector<std::string> refusals;    // not even --force helps
  std::vector<std::string> objections;  // --force overrides these
  bool adoptable = false;               // --adopt keeps what the objections are about
  // Must nothing be written?
  [[nodiscard]] bool refused(const LabelRequest& request) const {
    return !refusals.empty() || (!objections.empty() && !request.force);
  }
};
// See DiskFindings::copies.
[[nodiscard]] std::vector<std::string> copies_in(const Survey& survey,
                                                 const DiskFindings& findings);

[[nodiscard]] LabelVerdict judge(const DiskFindings& findings, const LabelRequest& request);

// Does the disk's table hold nothing but what an interrupted `lastword label` left?
[[nodiscard]] bool is_unfinished_label(const DiskFindings& findings);

// The label that the request asks for: owned by nobody, epoch 0. Whoever writes it adds the disk's
// UUID and the time.
[[nodiscard]] pb::Label make_label(const DiskFindings& findings, const LabelRequest& request,
                                   const LabelVerdict& verdict);

// "service disk of node 1", "mailbox disk"
[[nodiscard]] std::string describe_role(const pb::Label& label);

}  // namespace lastword
