// SIGINT, SIGTERM and SIGHUP as the wish that a dump by hand comes to an end: it is flushed, and
// its header says so.
#pragma once

#include <signal.h>

#include <array>
#include <atomic>

namespace lastword {

// While one lives, the first such signal only sets asked(), and the second ends the process as
// usual. A signal that was ignored stays ignored.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  [[nodiscard]] static const std::atomic<bool>& asked();

 private:
  static constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};

  std::array<struct sigaction, kSignals.size()> before_{};
};

}  // namespace lastword
