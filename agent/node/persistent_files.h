// What a node notes over reboots, in the persistent directory: its last boot generation and the
// mailbox disks that it ever saw. (The takeover intent is a third note: intent_file.h.) A note is
// replaced as a whole and is durable when its function returns without an error. After an error a
// reader finds the note before it or the new one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/protocol/config.h"

namespace lastword {

// The highest boot generation that this machine ever used under this node's id, in
// PERSISTENT/generation-ID: the disks in sight may not tell of it. `lastword start` writes it
// before it touches a disk. 0: none was kept. kCorrupt: not a number. kIo: it cannot be read.
[[nodiscard]] Result<std::uint32_t> load_last_generation(const Config& config);
[[nodiscard]] Status keep_last_generation(const Config& config, std::uint32_t generation);

// UUIDs of all mailbox disks that this node ever saw, sorted, in PERSISTENT/mailbox-disks: both
// nodes must count votes by the same disks, whichever are in sight. When a disk is gone for good,
// an operator removes its line. Empty: none was ever seen. kCorrupt: a line is no UUID. kIo: it
// cannot be read.
[[nodiscard]] Result<std::vector<std::string>> load_known_mailboxes(const Config& config);
[[nodiscard]] Status keep_known_mailboxes(const Config& config,
                                          const std::vector<std::string>& uuids);

}  // namespace lastword
