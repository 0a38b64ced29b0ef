// Has the partner failed? A panicked node says so itself, in the coredump header of the disk that
// it dumps to; the network has no part in it.
//
// A node that dies without reaching its capture kernel says nothing, and is not noticed yet. The
// decision that a silent partner has failed belongs here. The heartbeat that it needs would be sent
// and read in agent/daemon/, and has its place on disk: MailboxSlot.sequence in proto/disk.proto.
#pragma once

#include "agent/protocol/disk_view.h"

namespace lastword {

// The partner has panicked in its current life, `latest` (latest_generation): the header of this
// disk of its own says so. A disk that its `start` could not take may tell of an earlier one.
[[nodiscard]] bool has_panicked(const DiskView& disk, const Config& config, std::uint32_t latest);
// The partner owns or holds a disk that is this node's: it has taken over from this node.
[[nodiscard]] bool partner_has_taken_over(const Survey& survey, const Config& config);
// Why such a node takes nothing: what it has in its caches is stale. kFenced.
[[nodiscard]] Error taken_over_from();

}  // namespace lastword
