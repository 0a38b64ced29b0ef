// Taking one disk of the partner, whole: reservation, label, and the end of a coredump header that
// nobody is behind any more. Thin: the decisions are in seize_plan.h.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "agent/base/executor.h"
#include "agent/disks/shelf.h"
#include "agent/protocol/takeover_input.h"
#include "proto/disk.pb.h"

namespace lastword {

struct TakenDisk {
  Status status;
  pb::CoredumpHeader header;  // as it reads afterwards; INACTIVE where there is none
  // In place of an abort: PREEMPT AND ABORT is not supported, or nobody was left to preempt.
  bool used_reset = false;
  bool aptpl_refused = false;                        // see kAptplRefused
  std::vector<ReservationKey> foreign_removed = {};  // registrants of neither node
  CacheChanges cache_changes =
      CacheChanges::kNone;  // of a disk of the service, before it was taken
};

// Called on the thread that takes the disk.
struct TakeProgress {
  // The reservation is this node's: nobody else can write the disk from then on, and the service
  // need not wait for the records. `fresh`: what this node's page cache has of the disk was
  // dropped; not tried on a disk that is none of the service.
  std::function<void(const Status& fresh)> on_held;
  // The reservation is this node's, and the disk cannot be read: a service that is given it could
  // only fail. An error follows.
  std::function<void(const Error& problem)> on_unreadable = [](const Error&) {};
  // It is not to be had this time: whoever waits for it need not wait until the rest is undone.
  std::function<void()> on_giving_up;
};

// Order: label checked -> what this node's page cache has changed refused by the target, as long as
// the partner holds it (a disk of the service only) -> reservation taken -> label read (a disk of
// the service only: can it be read at all?) -> page cache dropped -> label written (owner, epoch)
// -> header: IN_PROGRESS becomes ABORTED(abort_reason), ARMED becomes INACTIVE, also where
// another stands in for one that cannot be read (found_header.h). An error leaves what came before
// it done; doing it again finishes the rest.
//
// `open`: the disk as a recent survey read its label; null where what it knew is not to be trusted
// any more: the disk is then opened by its name, and its label read again. Shelf and executor
// outlive this.
[[nodiscard]] TakenDisk take_disk(Shelf& shelf, Executor& executor, const TakeOrder& order,
                                  std::shared_ptr<OpenDisk> open, const TakeProgress& progress);

}  // namespace lastword
