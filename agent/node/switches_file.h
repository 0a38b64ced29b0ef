// This node's copy of what its operator has forbidden (pb::Switches), over reboots:
// PERSISTENT/switches-ID, where ID is this node's. The other copies are in its slots on the mailbox
// disks; agent/protocol/switches.h says which one counts.
#pragma once

#include "agent/protocol/config.h"
#include "proto/disk.pb.h"

namespace lastword {

// kNotFound: none was ever written. kCorrupt: not what lastword writes. kIo: it cannot be read.
[[nodiscard]] Result<pb::Switches> load_switches(const Config& config);
// Durable when this returns without an error. After an error a reader finds the switches before
// these or the new ones.
[[nodiscard]] Status save_switches(const Config& config, const pb::Switches& switches);

}  // namespace lastword
