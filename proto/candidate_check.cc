#include "proto/candidate_check.h"

#include <algorithm>

#include "proto/coredump.h"
#include "proto/format_text.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

template <class... Args>
tl::unexpected<Error> differs(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return fail({.code = code,
               .operation = "check candidate",
               .detail = format_text(format, std::forward<Args>(args)...)});
}

Status check_label(const pb::Plan& plan, const pb::Candidate& candidate, const pb::Label& label) {
  if (label.cluster_uuid() != plan.cluster_uuid()) {
    return differs(Code::kRefused, "labelled for cluster {}, the plan is of cluster {}",
                   label.cluster_uuid(), plan.cluster_uuid());
  }
  if (label.disk_uuid() != candidate.disk_uuid()) {
    return differs(Code::kRefused, "this is disk {}, the plan names disk {}", label.disk_uuid(),
                   candidate.disk_uuid());
  }
  if (!may_hold_dump(label.role())) {
    return differs(Code::kRefused, "its role (number {}) is neither dump nor spare",
                   static_cast<int>(label.role()));
  }
  if (label.home_node() != plan.node()) {
    return differs(Code::kRefused, "its home is node {}, this is node {}", label.home_node(),
                   plan.node());
  }
  if (label.owner_node() != plan.node()) {
    return differs(Code::kRefused, "its owner is node {}, this is node {}", label.owner_node(),
                   plan.node());
  }
  if (label.owner_generation() != plan.boot_generation()) {
    return differs(Code::kRefused, "owned since life {}, the plan is of life {}",
                   label.owner_generation(), plan.boot_generation());
  }
  if (label.data_offset_bytes() != candidate.data_offset_bytes() ||
      label.data_length_bytes() != candidate.data_length_bytes()) {
    return differs(Code::kRefused,
                   "its data region is {} bytes at {}, the plan has {} bytes at {}: arm again",
                   label.data_length_bytes(), label.data_offset_bytes(),
                   candidate.data_length_bytes(), candidate.data_offset_bytes());
  }
  return {};
}

Status check_header(const pb::Plan& plan, const pb::CoredumpHeader& header) {
  if (header.attribute() != pb::ARMED) {
    return differs(Code::kRefused, "its coredump attribute is {}, not ARMED",
                   name_of(header.attribute()));
  }
  if (header.node() != plan.node()) {
    return differs(Code::kRefused, "armed by node {}, this is node {}", header.node(), plan.node());
  }
  if (header.boot_generation() != plan.boot_generation()) {
    return differs(Code::kRefused, "armed in life {}, the plan is of life {}",
                   header.boot_generation(), plan.boot_generation());
  }
  // The header's rank is not compared: while arming again is under way, it is already the next
  // plan's, and the nonces alone say which plans may write here.
  const auto& nonces = header.plan_nonces();
  if (plan.nonce().empty() ||
      std::find(nonces.begin(), nonces.end(), plan.nonce()) == nonces.end()) {
    return differs(Code::kRefused, "armed for another plan: nonce {} is not among its {}",
                   plan.nonce(), nonces.size());
  }
  return {};
}

Status check_reservation(const pb::Plan& plan, const std::optional<Reservation>& reservation) {
  const std::uint64_t key = plan.reservation_key();
  if (!reservation) {
    return differs(Code::kConflict, "nobody holds its reservation, the plan's key {:#018x} should",
                   key);
  }
  if (key == 0 || reservation->holder.value != key) {
    return differs(Code::kConflict,
                   "key {:#018x} holds its reservation, the plan's key is {:#018x}",
                   reservation->holder.value, key);
  }
  if (reservation->type != kOwnerType) {
    return differs(Code::kConflict, "reserved with type {}, lastword reserves with type {}",
                   static_cast<int>(reservation->type), static_cast<int>(kOwnerType));
  }
  return {};
}

}  // namespace

Status check_candidate(const pb::Plan& plan, const pb::Candidate& candidate, const pb::Label& label,
                       const pb::CoredumpHeader& header,
                       const std::optional<Reservation>& reservation) {
  if (Status status = check_label(plan, candidate, label); !status) return status;
  if (Status status = check_header(plan, header); !status) return status;
  return check_reservation(plan, reservation);
}

}  // namespace lastword
