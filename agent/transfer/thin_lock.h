// Locks between the commands that work on one thin pool of this machine: files in the directory of
// locks, locked by flock(2). A lock is free again when whoever held it has ended, however that was.
#pragma once

#include <chrono>

#include "agent/transfer/lvm_commands.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

// Held by whoever makes or removes snapshots in the pool, to the end of a transfer. kRefused:
// somebody does; it is not waited for.
[[nodiscard]] Result<FileDescriptor> lock_thin_pool(LvmCommands& commands, const ThinPlace& place);

// Held by whoever has the metadata snapshot of the pool reserved, or asks whether anybody has. A
// pool has one metadata snapshot, and so the lock is waited for: a dump ends, though that of a
// large pool takes minutes. kRefused: the holder had it for longer than that.
inline constexpr std::chrono::milliseconds kLongestMetadataWait = std::chrono::minutes(10);
inline constexpr std::chrono::milliseconds kMetadataWaitStep = std::chrono::milliseconds(100);
[[nodiscard]] Result<FileDescriptor> lock_metadata_snapshot(LvmCommands& commands,
                                                            const ThinPlace& place);

}  // namespace lastword
