// Locks between the commands of this node: files in the state directory, locked by flock(2). A lock
// is held until the descriptor is closed, also by the end of the process. The files themselves
// stay; an empty one that nobody has locked means nothing.
#pragma once

#include "agent/protocol/config.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

// One of start, stop, arm and disarm at a time. kRefused: another one runs. kIo: the directory or
// the file cannot be made.
[[nodiscard]] Result<FileDescriptor> lock_state(const Config& config);

// One takeover at a time. Where another one runs: kRefused, or with `wait` this returns after its
// end. kIo as above.
[[nodiscard]] Result<FileDescriptor> lock_takeover(const Config& config, bool wait);

}  // namespace lastword
