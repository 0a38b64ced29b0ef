// A thread that nobody waits for: I/O on a sick disk may be stuck in the kernel for good. No other
// place detaches threads. The agent's seam over it is agent/base/executor.h.
#pragma once

#include <functional>

namespace lastword {

// `work` may outlive its caller, and main(): it owns all that it touches. Throws std::system_error
// when no thread can be started.
void run_on_lost_thread(std::function<void()> work);

}  // namespace lastword
