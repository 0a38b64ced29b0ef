#include "dumpwriter/base/clock.h"

#include <time.h>

#include <charconv>

namespace lastword {
namespace {

milliseconds read_clock(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return std::chrono::duration_cast<milliseconds>(std::chrono::seconds(now.tv_sec) +
                                                  std::chrono::nanoseconds(now.tv_nsec));
}

std::optional<milliseconds> crash_time(const Vmcoreinfo& info) {
  const auto text = info.value("CRASHTIME");
  if (!text) return std::nullopt;
  std::int64_t seconds = 0;
  const char* const end = text->data() + text->size();
  const auto result = std::from_chars(text->data(), end, seconds);
  constexpr std::int64_t kYear9999 = 253'402'300'800;
  if (result.ec != std::errc{} || result.ptr != end || seconds < 0 || seconds > kYear9999) {
    return std::nullopt;
  }
  return std::chrono::seconds(seconds);
}

}  // namespace

milliseconds time_since_panic(const Vmcoreinfo& info, milliseconds wall_clock,
                              milliseconds uptime) {
  const auto crashed = crash_time(info);
  if (!crashed) return uptime;
  const milliseconds elapsed = wall_clock - *crashed;
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
