// The takeover intent of this node (agent/protocol/takeover_intent.h), kept in a file of its own
// machine and in its slot on each mailbox disk. One durable copy is enough.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/executor.h"
#include "agent/disks/own_slot.h"
#include "agent/disks/shelf.h"
#include "agent/node/event.h"
#include "agent/protocol/takeover_intent.h"

namespace lastword {

struct KnownIntent {
  std::optional<pb::TakeoverIntent> intent;  // the copy that counts
  std::vector<Error> problems;               // copies that could not be read
};
// The newest of all copies in sight: the file's, and those that the survey read.
[[nodiscard]] KnownIntent read_intent(const Config& config, const Survey& survey);

// What became of the copies.
struct CopiesWritten {
  std::size_t copies = 0;              // that are durable
  std::vector<Error> problems;         // copies that could not be written
  std::vector<std::string> rewritten;  // paths of disks whose slot was_damaged
};

// The event `intent-not-kept`: a copy is missing, and why.
[[nodiscard]] Event intent_not_kept(const Error& problem);
// `slot-rewritten`: what was in this node's slot there is gone.
[[nodiscard]] Event slot_rewritten(const std::string& disk);

// Whoever changes the intent holds lock_takeover().
class IntentLog {
 public:
  // All but `state` outlive this, and what a hanging disk leaves behind. `state`: of the life that
  // writes.
  IntentLog(const Config& config, const NodeState& state, Shelf& shelf, Executor& executor)
      : config_(config),
        writer_(slot_writer(config, state.boot_generation, state.mailbox_disks, executor)),
        shelf_(shelf),
        executor_(executor) {}

  // What follows from the intent that counted before. Nothing is written.
  [[nodiscard]] pb::TakeoverIntent next(const std::optional<pb::TakeoverIntent>& before,
                                        IntentPhase phase, std::uint32_t victim_generation,
                                        bool proven = false) const;
  // On this machine; with TAKING also that a life of this boot serves (note_life_in_boot()).
  // Durable when this returns without an error. Takes an I/O time-out at most.
  [[nodiscard]] Status write_here(const pb::TakeoverIntent& intent) const;
  // In this node's slot of one mailbox disk: note_intent(). Blocks as the disk does.
  [[nodiscard]] Result<SlotWritten> write_slot(const DiskInfo& disk, std::uint64_t metadata_offset,
                                               const std::string& disk_uuid,
                                               const pb::TakeoverIntent& intent) const;
  // Here, and on all mailbox disks in sight at once. Takes an I/O time-out at most.
  [[nodiscard]] CopiesWritten write(const Survey& survey, const pb::TakeoverIntent& intent) const;
  // Brings those slots (outdated_slots() in mailbox.h) up to date, all at once: a write that failed
  // may have left an intent that is over. Takes an I/O time-out at most.
  [[nodiscard]] CopiesWritten repair(const Survey& survey, const std::vector<std::size_t>& disks,
                                     const std::optional<pb::TakeoverIntent>& newest) const;

 private:
  using WriteSlot = std::function<Result<SlotWritten>(const OwnSlot& slot)>;

  [[nodiscard]] CopiesWritten write_slots(const Survey& survey,
                                          const std::vector<std::size_t>& disks,
                                          const WriteSlot& write) const;

  const Config& config_;
  SlotWriter writer_;
  Shelf& shelf_;
  Executor& executor_;
};

}  // namespace lastword
