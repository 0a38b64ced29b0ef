// `lastword disable`, `enable` and `no-takeover`, done: makes what an operator has forbidden
// durable, here and on the mailbox disks.
#pragma once

#include <vector>

#include "agent/protocol/switches.h"
#include "agent/service/disk_access.h"

namespace lastword {

struct SwitchOrder {
  OperatorSwitch which = OperatorSwitch::kDisable;
  Switch asked;
};

struct SwitchReport {
  pb::Switches switches;        // of this node, as they count now
  bool kept_here = false;       // the file has them
  std::size_t told = 0;         // mailbox disks that have them: the partner reads them there
  std::vector<Error> problems;  // copies that could not be written
};

// Holds lock_state() meanwhile. The copies in sight that can be read say what counted before: a
// file that is damaged is written anew. Mailbox disks on which this node is not registered are
// passed over, and so are all of them before `lastword start`. Errors: another command is at work
// (kRefused), the disks cannot be listed, or no copy could be written; nothing counts that did not
// before, then.
[[nodiscard]] Result<SwitchReport> set_switch(const Config& config, const SwitchOrder& order,
                                              const DiskAccess& access);

}  // namespace lastword
