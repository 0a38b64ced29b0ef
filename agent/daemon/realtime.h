// Keeps the agent's loop going on a node that is short of memory or of processor time.
#pragma once

#include "proto/error.h"

namespace lastword {

// What this process has in memory stays there, and so does what it touches later.
[[nodiscard]] Status lock_memory();

// This thread goes before all that have no real-time priority. Threads and processes that it starts
// later do not inherit that: hooks and recovery compute for long.
[[nodiscard]] Status prefer_this_thread();

}  // namespace lastword
