// Hooks of events that only tell: they run beside what goes on, and change nothing about it.
#pragma once

#include <atomic>
#include <memory>

#include "agent/base/executor.h"
#include "agent/node/event.h"
#include "agent/takeover/takeover_work.h"

namespace lastword {

class NoticeHooks {
 public:
  // `run_hook` and `events` own what they need: a hook that hangs may outlive this. The executor
  // outlives both.
  NoticeHooks(RunHook run_hook, Executor& executor, EventSink events)
      : run_hook_(std::move(run_hook)), executor_(executor), events_(std::move(events)) {}

  // Tells `events`, and begins the hook of a dump that was saved. Event hook-failed: the hook did
  // not end well. This outlives the sink.
  [[nodiscard]] EventSink sink();
  // Returns when no hook is at work, or after `most`.
  void wait(milliseconds most) const;

 private:
  void begin(const Event& event);

  RunHook run_hook_;
  Executor& executor_;
  EventSink events_;
  std::shared_ptr<std::atomic<unsigned>> at_work_ = std::make_shared<std::atomic<unsigned>>(0);
};

}  // namespace lastword
