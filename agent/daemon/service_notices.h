// Tells this node's own service of what the partner is about to do to it: takeover-announced,
// takeover-called-off (agent/node/hook_plan.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/base/executor.h"
#include "agent/node/event.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

class ServiceNotices {
 public:
  // All that is referred to outlives this, and this outlives the loop's last run. `run_hook` owns
  // what it needs.
  ServiceNotices(const Config& config, Executor& executor, const EventSink& events,
                 RunHook run_hook, Loop& loop)
      : config_(config),
        executor_(executor),
        events_(events),
        run_hook_(std::move(run_hook)),
        loop_(loop) {}

  // The hook runs elsewhere, and changes nothing about what follows. `disks`: of the service,
  // paths. Events: partner-announces-takeover or partner-calls-off-takeover, hook-failed.
  void takeover_announced(std::vector<std::string> disks);
  void takeover_called_off(std::vector<std::string> disks);

 private:
  void tell(std::string_view hook, std::string_view event, std::string_view what,
            std::vector<std::string> disks);

  const Config& config_;
  Executor& executor_;
  const EventSink& events_;
  RunHook run_hook_;
  Loop& loop_;
};

}  // namespace lastword
