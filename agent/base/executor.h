// The one seam for time and concurrency: clocks, sleep, and 'run elsewhere, report back'.
//
// Failure watch, takeover, votes, survey, header watch, intent log, work on disks and `label` are
// given an Executor and have no other clock, sleep or thread. A test therefore runs them in one
// thread on a virtual clock (tests/support/virtual_executor.h).
//
// Not behind this seam:
//   - recovery: its threads (ReadAhead, StreamReader, OrderedWork) end with the object that starts
//     them, and it takes the wall clock from real_executor()
//   - hooks: run_hook() waits for a child process and ends it at a time-out of its own, wherever it
//     is called; a takeover calls it elsewhere
//   - storage: read_batch() and SgLun measure their own time-outs; tests have a fake shelf instead
//   - examine_disks(): takes real_executor(), for it only works on real disks
//   - the progress bar
//
// A driver (agent/protocol/README.md) owns a Loop, and calls its plan only there. Work that may
// hang, as any access to a disk may, runs elsewhere and reports to the loop:
//
//   const auto loop = executor.make_loop();
//   run_elsewhere<Status>(executor, *loop, [order] { return take(order); },
//                         [&](Status status) { perform(plan.taken(status)); });
//   loop->run_until([&] { return plan.over(); });
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "proto/timing.h"

namespace lastword {

// Runs what is posted to it, one after the other, on the thread that calls run_until().
class Loop {
 public:
  // Posts to the loop, from any thread. It may outlive the loop: what it posts then is dropped.
  using Poster = std::function<void(std::function<void()>)>;

  virtual ~Loop() = default;
  [[nodiscard]] virtual Poster poster() = 0;
  virtual void after(milliseconds delay, std::function<void()> then) = 0;
  // Returns as soon as `done` holds. It is asked at the start and after each posted function.
  virtual void run_until(const std::function<bool()>& done) = 0;
};

class Executor {
 public:
  virtual ~Executor() = default;
  // Never jumps; only differences matter.
  [[nodiscard]] virtual Instant now() const = 0;
  // Wall clock, for records and people. Milliseconds since 1970.
  [[nodiscard]] virtual std::int64_t unix_ms() const = 0;
  // Blocks the caller only.
  virtual void sleep(milliseconds time) = 0;
  // Runs `work` at once on a thread that does nothing else and that nobody waits for: it may be
  // stuck in the kernel for good and outlive its caller. `work` owns all that it touches (capture
  // shared pointers by value).
  virtual void elsewhere(std::function<void()> work) = 0;
  // work(0) ... work(count - 1), each elsewhere, at most kMaxParallel at a time. Returns when all
  // have returned or `timeout` has passed; the result says which ones returned.
  [[nodiscard]] virtual std::vector<bool> fan_out(std::size_t count, milliseconds timeout,
                                                  std::function<void(std::size_t)> work) = 0;
  [[nodiscard]] virtual std::unique_ptr<Loop> make_loop() = 0;
};
inline constexpr std::size_t kMaxParallel = 256;

// Runs `work` elsewhere, and `then` on the loop with what it returned.
template <class T>
void run_elsewhere(Executor& executor, Loop& loop, std::function<T()> work,
                   std::function<void(T)> then) {
  executor.elsewhere([work = std::move(work), then = std::move(then), post = loop.poster()] {
    const auto result = std::make_shared<T>(work());
    post([then, result] { then(std::move(*result)); });
  });
}

// Threads and the machine's clocks. Never destroyed: threads that hang outlive main().
[[nodiscard]] Executor& real_executor();

}  // namespace lastword
