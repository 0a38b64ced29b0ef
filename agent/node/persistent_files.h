// What a node notes in the persistent directory: its last boot generation, the mailbox disks that
// it ever saw, and that a life has begun in this boot. (The takeover intent: intent_file.h.) A note
// is replaced as a whole and is durable when its function returns without an error. After an error
// a reader finds the note before it or the new one. One that says the same already is not written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/protocol/config.h"

namespace lastword {

// The highest boot generation that this machine ever used under this node's id, in
// PERSISTENT/generation-ID: the disks in sight may not tell of it. `lastword start` writes it
// before it touches a disk. 0: none was kept. kCorrupt: not a number. kIo: it cannot be read.
[[nodiscard]] Result<std::uint32_t> load_last_generation(const Config& config);
[[nodiscard]] Status keep_last_generation(const Config& config, std::uint32_t generation);

// A life has begun in this boot of the kernel, and no stop has ended it: PERSISTENT/in-service-ID.
// Where the state directory does not know of it, that was lost, and what serves on the disks may
// write on. `lost`: that has happened before in this boot.
struct LifeInBoot {
  std::string boot_id;
  bool lost = false;
};
// Absent: none was kept, or it cannot be read.
[[nodiscard]] std::optional<LifeInBoot> load_life_in_boot(const Config& config);
[[nodiscard]] Status keep_life_in_boot(const Config& config, const LifeInBoot& life);
// Notes that a life of this boot serves: for a life that waited and then takes over. Changes
// nothing where this boot has a note already.
[[nodiscard]] Status note_life_in_boot(const Config& config);
// After a stop: nothing serves any more. What was lost stays lost until the reboot. kIo: the note
// is still there.
[[nodiscard]] Status forget_life_in_boot(const Config& config);

// UUIDs of all mailbox disks that this node ever saw, sorted, in PERSISTENT/mailbox-disks: both
// nodes must count votes by the same disks, whichever are in sight. When a disk is gone for good,
// an operator removes its line. Empty: none was ever seen. kCorrupt: a line is no UUID. kIo: it
// cannot be read.
[[nodiscard]] Result<std::vector<std::string>> load_known_mailboxes(const Config& config);
[[nodiscard]] Status keep_known_mailboxes(const Config& config,
                                          const std::vector<std::string>& uuids);

}  // namespace lastword
