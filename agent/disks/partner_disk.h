// Taking one disk of the partner, whole: reservation, label, and the end of a coredump header that
// nobody is behind any more. Thin: the decisions are in seize_plan.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/protocol/seize_plan.h"
#include "proto/disk.pb.h"
#include "proto/timing.h"
#include "storage/reserve/disk.h"

namespace lastword {

struct TakeOrder {
  std::string path;
  std::uint64_t metadata_offset = 0;
  std::string cluster_uuid;
  std::string disk_uuid;  // as surveyed: names of devices may have moved since
  SeizeGoal goal;
  // From the survey, if it is recent: the disk it read the label from, and what it saw.
  std::shared_ptr<OpenDisk> open;
  std::optional<SeizeView> seen;
  pb::Reason abort_reason = pb::REASON_NONE;  // for a header that is still IN_PROGRESS
  milliseconds io_timeout{};
};

struct TakenDisk {
  Status status;
  pb::CoredumpHeader header;  // as it reads afterwards; INACTIVE where there is none
  // In place of an abort: PREEMPT AND ABORT is not supported, or nobody was left to preempt.
  bool used_reset = false;
};

// Order: label checked -> reservation taken -> label written (owner, epoch) -> header: IN_PROGRESS
// becomes ABORTED(abort_reason), ARMED becomes INACTIVE. An error leaves what came before it done;
// doing it again finishes the rest. `on_held` is called as soon as the reservation is this node's:
// nobody else can write the disk from then on, and the service need not wait for the records.
[[nodiscard]] TakenDisk take_disk(const TakeOrder& order, const std::function<void()>& on_held);

}  // namespace lastword
