// What PID 1 asks of the capture kernel: file systems, modules, restarting. Linux only; every call
// says what failed and goes on, since half a system may still reach one disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dumpwriter/base/bounded_call.h"
#include "dumpwriter/stream/reporter.h"
#include "proto/error.h"
#include "proto/plan.pb.h"

namespace lastword {

// /proc, /sys and /dev, then /dev/console as standard input, output and error.
void mount_file_systems(DumpReporter& reporter);

// One module by path, with parameters ("max_luns=8 debug=1"; empty: none); one that is loaded or
// built in already is fine.
[[nodiscard]] Status load_module(const std::string& path, const std::string& options);

// Highest resident set so far (VmHWM).
[[nodiscard]] std::uint64_t peak_rss_bytes();

// Restarts or halts the machine even when a hung disk keeps the kernel from shutting it down.
class Restart {
 public:
  // Allocates what it needs.
  Restart();
  // HOLD: never, until a person does.
  [[noreturn]] void now(pb::AfterDump after, milliseconds patience);

 private:
  std::optional<BoundedCall> reboot_;
  std::optional<BoundedCall> power_off_;
};

}  // namespace lastword
