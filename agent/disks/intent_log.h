// The takeover intent of this node (agent/protocol/takeover_intent.h), kept in a file of its own
// machine and in its slot on each mailbox disk. One copy is enough to know it again.
#pragma once

#include <optional>
#include <vector>

#include "agent/base/executor.h"
#include "agent/disks/shelf.h"
#include "agent/protocol/takeover_intent.h"

namespace lastword {

struct KnownIntent {
  std::optional<pb::TakeoverIntent> intent;  // the copy that counts
  std::vector<Error> problems;               // copies that could not be read
};

class IntentLog {
 public:
  // All outlive this, and what a hanging disk leaves behind.
  IntentLog(const Config& config, Shelf& shelf, Executor& executor)
      : config_(config), shelf_(shelf), executor_(executor) {}

  // The newest of all copies in sight. Reads no disk: the survey has.
  [[nodiscard]] KnownIntent read(const Survey& survey) const;

  // On this machine: what follows from the intent that counts now. `proven`: the victim's panic is.
  // Durable when this returns.
  [[nodiscard]] Result<pb::TakeoverIntent> write_here(const Survey& survey, IntentPhase phase,
                                                      std::uint32_t victim_generation,
                                                      bool proven = false) const;
  // In this node's slot of one mailbox disk. Blocks as the disk does.
  [[nodiscard]] Status write_slot(const DiskInfo& disk, std::uint64_t metadata_offset,
                                  const pb::TakeoverIntent& intent) const;
  // Here, then on all mailbox disks in sight at once. Fails where it is not durable here; then it
  // is on none of the disks. Returns what failed on the disks. Takes an I/O time-out at most.
  [[nodiscard]] Result<std::vector<Error>> write(const Survey& survey, IntentPhase phase,
                                                 std::uint32_t victim_generation,
                                                 bool proven = false) const;

 private:
  const Config& config_;
  Shelf& shelf_;
  Executor& executor_;
};

}  // namespace lastword
