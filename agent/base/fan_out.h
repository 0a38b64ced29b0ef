// The same work on many disks at once, so that one sick disk delays no other.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

namespace lastword {

// Runs work(0) ... work(count - 1), each on a thread of its own, at most `kMaxParallel` at a time.
// Returns when all have returned or `timeout` has passed, whichever is first; the result says which
// ones returned. A thread that is stuck in the kernel is left behind: everything `work` touches
// must be owned by it (capture shared pointers by value), never by the caller's frame.
inline constexpr std::size_t kMaxParallel = 256;
[[nodiscard]] std::vector<bool> fan_out(std::size_t count, std::chrono::milliseconds timeout,
                                        std::function<void(std::size_t)> work);

}  // namespace lastword
