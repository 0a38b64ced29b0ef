// Time as the dump limit counts it: since the panic. The seam for tests that must not sleep.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "proto/vmcoreinfo.h"

namespace lastword {

using std::chrono::milliseconds;

class Clock {
 public:
  virtual ~Clock() = default;
  // Never goes back.
  [[nodiscard]] virtual milliseconds since_panic() const = 0;
};

// How much longer than the capture kernel's own uptime the panic can plausibly be over: crash
// notifiers and the check of the kexec image take seconds. More than that is a wrong wall clock,
// which must not eat the dump limit.
inline constexpr milliseconds kMaxBeforeBoot{10'000};

// Time since the panic at this moment: CRASHTIME (seconds of the dead kernel's wall clock) against
// the wall clock now, which the capture kernel took from the RTC; the capture kernel's uptime where
// that is missing or not plausible.
[[nodiscard]] milliseconds time_since_panic(const Vmcoreinfo& info, milliseconds wall_clock,
                                            milliseconds uptime);

// Since 1970, of the capture kernel; for people only.
[[nodiscard]] milliseconds wall_clock();

class PanicClock final : public Clock {
 public:
  // `info` is only read here.
  explicit PanicClock(const Vmcoreinfo& info);
  // Counts from its creation: for a dump by hand, which no panic preceded.
  PanicClock();
  [[nodiscard]] milliseconds since_panic() const override;

 private:
  milliseconds panic_;  // on CLOCK_BOOTTIME
};

}  // namespace lastword
