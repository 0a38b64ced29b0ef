// Notices when somebody sets the wall clock. Nothing that decides counts by that clock but the end
// of `lastword disable --for` and `no-takeover --for`; times in records and events are for people.
#pragma once

#include <cstdint>
#include <optional>

#include "agent/base/executor.h"
#include "agent/node/event.h"

namespace lastword {

class ClockWatch {
 public:
  // A time service that moves the clock by less at a time does its work.
  static constexpr milliseconds kWorthTelling{60'000};

  // The executor outlives this. Event clock-set: the clock was set, by how much, and what follows.
  ClockWatch(const Executor& executor, EventSink events)
      : executor_(executor), events_(std::move(events)) {}

  // Call it every kPollInterval.
  void turn();

 private:
  const Executor& executor_;
  EventSink events_;
  std::optional<std::int64_t> ahead_ms_;  // of the clock that never jumps
};

}  // namespace lastword
