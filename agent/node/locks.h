// Locks between the commands of this node: files in the state directory, locked by flock(2). A lock
// is held until the descriptor is closed, also by the end of the process. The files themselves
// stay; an empty one that nobody has locked means nothing.
#pragma once

#include <string>
#include <string_view>

#include "agent/base/executor.h"
#include "agent/protocol/config.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

// proc(5), /proc/PID/status: that process has been killed, and may hang in the kernel for a while
// before it is gone.
[[nodiscard]] bool tells_of_kill(std::string_view proc_status);

// One of start, stop, arm and disarm at a time. kRefused: another one runs. kIo: the directory or
// the file cannot be made.
[[nodiscard]] Result<FileDescriptor> lock_state(const Config& config);
// The same. Where another one runs, tries again for `patience`.
[[nodiscard]] Result<FileDescriptor> lock_state(const Config& config, Executor& executor,
                                                milliseconds patience);

// One agent at a time, for as long as it lives. kRefused: another one runs; the detail names its
// process. One that was killed while a disk hung, and cannot end before the kernel lets go of it,
// does not count. kTimeout: who has it has not said so yet, or is gone: it will not have it for
// long. kIo as above.
[[nodiscard]] Result<FileDescriptor> lock_agent(const Config& config);

// One takeover at a time; whoever changes this node's intent holds it. kRefused: another one runs.
// kIo as above.
[[nodiscard]] Result<FileDescriptor> lock_takeover(const Config& config);

// One reads, changes and writes this node's slot on that mailbox disk at a time: start, agent and
// takeover all do. kTimeout: the other one was not through in time; the disk may hang. kCorrupt:
// not the UUID of a disk. kIo as above.
[[nodiscard]] Result<FileDescriptor> lock_slot(const std::string& state_directory,
                                               std::string_view disk_uuid, Executor& executor,
                                               milliseconds patience);

}  // namespace lastword
