// This node's slot on one mailbox disk. `start`, `stop`, the agent and takeovers write it, each for
// a reason of its own: reading, changing and writing it is one step, under lock_slot(), so that
// none of them loses what another one wrote.
#pragma once

#include <optional>
#include <string>

#include "agent/base/executor.h"
#include "agent/protocol/mailbox.h"
#include "storage/block/block_device.h"

namespace lastword {

// A sequence beyond all heartbeats that this node has sent so far, by links too: they begin with
// the time since boot in milliseconds when the agent starts, and do not come as often as those
// pass.
[[nodiscard]] std::uint64_t beyond_all_beats(const Executor& executor);

// Holds by value all that it needs: it may be used on a thread that is left behind.
struct SlotWriter {
  MailboxMember member;
  std::string state_directory;  // of lock_slot(), and of notes on writes that were not answered
  Executor* executor = nullptr;
  milliseconds patience{};  // with whoever has the lock: an I/O time-out
  // This machine's copy of the intent cannot be read: a damaged slot may have been the last that
  // knew of it, and is left as it is (kCorrupt).
  bool keeps_damaged = false;
};
// The executor outlives it.
[[nodiscard]] SlotWriter slot_writer(const Config& config, std::uint32_t boot_generation,
                                     const std::vector<std::string>& mailbox_disks,
                                     Executor& executor);

// The slot's place.
struct OwnSlot {
  BlockDevice& device;
  std::uint64_t metadata_offset = 0;
  std::string disk_uuid;
};

// What became of a slot.
struct SlotWritten {
  // Both of its copies were damaged: it was written anew, with this life and the intent given.
  bool was_damaged = false;
};
// What to tell the operator of `was_damaged`.
inline constexpr std::string_view kSlotWasDamaged =
    "both copies of this node's mailbox slot were damaged; it is written anew";

// Brings the slot up to date (current_slot() in mailbox.h); writes nothing where it is. Errors are
// those of lock_slot() and of RecordIo, but for a damaged pair; after one the slot reads as before
// or as it was to become.
[[nodiscard]] Result<SlotWritten> update_slot(const OwnSlot& slot, const SlotWriter& writer,
                                              const std::optional<pb::TakeoverIntent>& intent);

// Likewise as a life that joins the disk: slot_of_life_that_joins().
[[nodiscard]] Result<SlotWritten> enter_slot(const OwnSlot& slot, const SlotWriter& writer,
                                             const std::optional<pb::TakeoverIntent>& intent);

// Makes `intent` the slot's, durably, in both of its copies. kRefused where the slot has a later
// one. Otherwise the errors of update_slot().
[[nodiscard]] Result<SlotWritten> note_intent(const OwnSlot& slot, const SlotWriter& writer,
                                              const pb::TakeoverIntent& intent);

// Makes the switches the slot's, durably, in both of its copies. kRefused where the slot has later
// ones. Otherwise the errors of update_slot().
[[nodiscard]] Result<SlotWritten> note_switches(const OwnSlot& slot, const SlotWriter& writer,
                                                const pb::Switches& switches);

// Says that this life has left its disks to the partner, with this sequence at least. Errors are
// those of update_slot() and of slot_of_life_that_leaves().
[[nodiscard]] Status say_handed_over(const OwnSlot& slot, const SlotWriter& writer,
                                     std::uint64_t sequence);

// Says that this life has ended, beyond all of its heartbeats. Errors are those of update_slot().
[[nodiscard]] Status say_gone(const OwnSlot& slot, const SlotWriter& writer);

// Writes one heartbeat; returns the slot as it is then. Errors: those of update_slot() and of
// slot_with_beat().
[[nodiscard]] Result<pb::MailboxSlot> write_beat(const OwnSlot& slot, const SlotWriter& writer,
                                                 const Beat& beat);

}  // namespace lastword
