// lastword-dump as PID 1 of the capture kernel: brings the kernel up far enough to reach the
// disks, runs the plan, restarts the machine. There is nobody to hand over to: it does not return.
#pragma once

namespace lastword {

inline constexpr const char* kPlanPath = "/plan";
inline constexpr const char* kModuleDirectory = "/modules/";

[[noreturn]] void run_as_init();

}  // namespace lastword
