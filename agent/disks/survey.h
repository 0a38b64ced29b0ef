// Looks at all disks of this machine: labels, coredump headers, registrations and reservations,
// read in parallel and without opening a disk for writing. The common ground of start, candidates,
// arm, check and takeover.
#pragma once

#include <memory>

#include "agent/base/executor.h"
#include "agent/disks/known_labels.h"
#include "agent/disks/resting_disks.h"
#include "agent/disks/shelf.h"
#include "agent/protocol/disk_view.h"

namespace lastword {

// What a look found, and the disks through which it did.
struct Look {
  Survey survey;
  OpenDisks open;
};

// Looks again and again, and remembers which disks hang: they are left in peace for some seconds.
// Remembers labels too, for the time when one cannot be read. Copies share that memory: a look
// elsewhere holds one of its own.
class Surveyor {
 public:
  // Shelf and executor outlive this and its copies.
  Surveyor(const Config& config, Shelf& shelf, Executor& executor)
      : io_timeout_(config.timing.settings.io_timeout), shelf_(shelf), executor_(executor) {}

  // Never fails for one disk's sake; that disk carries its problem. Takes at most about two I/O
  // time-outs, whatever hangs. May be called from several threads at once.
  [[nodiscard]] Result<Look> look();

  [[nodiscard]] Shelf& shelf() const { return shelf_; }
  [[nodiscard]] Executor& executor() const { return executor_; }

 private:
  milliseconds io_timeout_;
  Shelf& shelf_;
  Executor& executor_;
  std::shared_ptr<RestingDisks> resting_ = std::make_shared<RestingDisks>();
  std::shared_ptr<KnownLabels> labels_ = std::make_shared<KnownLabels>();
};

// One look at this machine's disks, for who needs no more than what they say.
[[nodiscard]] Result<Survey> survey_disks(const Config& config);

}  // namespace lastword
