// Before a takeover on silence: the announcement.
#pragma once

#include "agent/daemon/heartbeat.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

// Makes this node's intent ANNOUNCED, and gives the partner the time of the announcement
// (Timing::announcement()) to show that it lives: by a heartbeat, on whichever path. Returns when
// it is silent still; nothing else has been touched by then. kRefused: it lives, or too few mailbox
// disks can be read to say, or an operator has forbidden it meanwhile; the intent is ENDED then.
// `failure`: a silent one. The caller holds lock_takeover().
[[nodiscard]] Status announce_takeover(const TakeoverWork& work, const Failure& failure,
                                       Heartbeat& heartbeat);

}  // namespace lastword
