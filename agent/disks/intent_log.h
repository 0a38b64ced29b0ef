// The takeover intent of this node (agent/protocol/takeover_intent.h), kept in a file of its own
// machine and in its slot on each mailbox disk. One copy is enough to know it again.
#pragma once

#include <optional>
#include <vector>

#include "agent/base/executor.h"
#include "agent/disks/survey.h"
#include "agent/protocol/takeover_intent.h"

namespace lastword {

struct KnownIntent {
  std::optional<pb::TakeoverIntent> intent;  // the copy that counts
  std::vector<Error> problems;               // copies that could not be read, or written
};

class IntentLog {
 public:
  // All outlive this, and what a hanging disk leaves behind.
  IntentLog(const Config& config, Shelf& shelf, Executor& executor)
      : config_(config), shelf_(shelf), executor_(executor) {}

  // The newest of all copies in sight. Takes an I/O time-out at most.
  [[nodiscard]] KnownIntent read(const Look& look) const;

  // Writes what follows from the intent that counts now: on this machine first, then on the mailbox
  // disks. Fails where it is not durable on this machine; then it may be on none of the disks.
  // `problems`: of the disks.
  [[nodiscard]] Result<KnownIntent> write(const Look& look, IntentPhase phase,
                                          std::uint32_t victim_generation) const;

 private:
  const Config& config_;
  Shelf& shelf_;
  Executor& executor_;
};

}  // namespace lastword
