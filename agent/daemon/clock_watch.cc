#include "agent/daemon/clock_watch.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "proto/duration.h"

namespace lastword {

void ClockWatch::turn() {
  const std::int64_t ahead = executor_.unix_ms() - executor_.now().count();
  const std::int64_t moved = ahead - std::exchange(ahead_ms_, ahead).value_or(ahead);
  if (std::abs(moved) < kWorthTelling.count()) return;
  const milliseconds by(std::abs(moved) / 1000 * 1000);
  events_({.name = "clock-set",
           .disk = {},
           .detail = fmt::format(
               "the wall clock was set {} by {}; an end that `lastword disable --for` or "
               "`no-takeover --for` was given comes that much {}, and nothing else depends on it: "
               "look at the time service",
               moved < 0 ? "back" : "forward", to_string(by), moved < 0 ? "later" : "sooner")});
}

}  // namespace lastword
