// This node's copy of its takeover intent (proto/disk.proto), over reboots: PERSISTENT/intent-ID,
// where ID is this node's. The other copies are on the mailbox disks (agent/disks/intent_log.h).
#pragma once

#include "agent/protocol/config.h"
#include "proto/disk.pb.h"

namespace lastword {

// kNotFound: none was ever written. kCorrupt: not what lastword writes. kIo: it cannot be read.
[[nodiscard]] Result<pb::TakeoverIntent> load_intent(const Config& config);
// Durable when this returns without an error. After an error a reader
// finds the intent before it or the new one.
[[nodiscard]] Status save_intent(const Config& config, const pb::TakeoverIntent& intent);

}  // namespace lastword
