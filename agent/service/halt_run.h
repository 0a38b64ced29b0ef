// `lastword halt`, done: ends this node's own service in good order, then stops, so that nobody
// takes over.
#pragma once

#include <functional>
#include <string>

#include "agent/disks/survey.h"
#include "agent/node/event.h"
#include "agent/node/hooks.h"
#include "agent/service/stop_run.h"

namespace lastword {

// All that is referred to outlives the work, and what it leaves behind in the kernel.
struct HaltWork {
  const Config& config;
  Surveyor& surveyor;
  EventSink events;                                        // service-leaving, hook-failed
  std::function<Status(const HookInput& input)> run_hook;  // may last
  Disarm disarm;
};

// The hook service-leaving for the disks of the service that this node holds, then stop_node().
// Errors: the hook failed and `ignore_hook` is not set, or something still uses those disks
// (kRefused); nothing was released, and the service may have ended. Otherwise those of stop_node()
// and of the hook.
[[nodiscard]] Result<StopReport> halt_node(const HaltWork& work, bool ignore_hook,
                                           const DiskAccess& access);

}  // namespace lastword
