// One heartbeat on one mailbox disk: this node's written, the partner's read.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "agent/base/executor.h"
#include "agent/disks/own_slot.h"
#include "agent/disks/shelf.h"

namespace lastword {

// Owned in common by who asked and by the thread that is at it, which may hang for good. Until
// `done`, that thread alone writes to it.
struct MailboxBeat {
  DiskInfo info;
  std::uint64_t metadata_offset = 0;
  std::string disk_uuid;
  std::shared_ptr<OpenDisk> open;  // null: to be opened; afterwards, for the next one
  bool writes = false;             // otherwise only the partner's slot is read
  SlotWriter writer;
  Beat beat;
  milliseconds io_timeout{};

  Instant asked{};  // when the partner's slot was asked for
  Instant back{};   // when all of it came back
  // The first of what failed. kConflict: this node is not registered there, and has not written.
  // kGone: another disk has taken the name. Otherwise the errors of Shelf::open(), of write_beat()
  // and of RecordIo.
  std::optional<Error> problem;
  std::uint64_t written = 0;  // this node's sequence; 0: nothing was written
  // This node's slot as it was written, or as it was found where kFenced kept it from being
  // written.
  std::optional<pb::MailboxSlot> own;
  std::optional<pb::MailboxSlot>
      slot;  // the partner's, empty where it never wrote; absent: not read
  std::atomic<bool> done = false;
};

// Blocks as the disk does. The slot is read where the write fails, too.
void run_beat(Shelf& shelf, Executor& executor, MailboxBeat& beat);

}  // namespace lastword
