#include "dumpwriter/base/clock.h"

#include <time.h>

namespace lastword {
namespace {

milliseconds read_clock(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return std::chrono::duration_cast<milliseconds>(std::chrono::seconds(now.tv_sec) +
                                                  std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace

milliseconds time_since_panic(const Vmcoreinfo& info, milliseconds wall_clock,
                              milliseconds uptime) {
  const auto crashed = info.crash_time();
  if (!crashed) return uptime;
  const milliseconds elapsed = wall_clock - std::chrono::seconds(*crashed);
  return elapsed < uptime || elapsed > uptime + kMaxBeforeBoot ? uptime : elapsed;
}

milliseconds wall_clock() {
  return read_clock(CLOCK_REALTIME);
}

PanicClock::PanicClock(const Vmcoreinfo& info)
    : panic_(read_clock(CLOCK_BOOTTIME) -
             time_since_panic(info, wall_clock(), read_clock(CLOCK_BOOTTIME))) {}

PanicClock::PanicClock() : panic_(read_clock(CLOCK_BOOTTIME)) {}

milliseconds PanicClock::since_panic() const {
  return read_clock(CLOCK_BOOTTIME) - panic_;
}

}  // namespace lastword
