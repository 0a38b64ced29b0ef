// The executor of a thread that has to show that it goes on: while that thread waits for work that
// is bounded by a time-out, or sleeps, its pulse goes on. A thread that stands still anywhere else
// has none.
#pragma once

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "agent/base/executor.h"

namespace lastword {

class PulsingExecutor final : public Executor {
 public:
  // Never destroyed: threads that hang outlive main(). `pulse` is called on the thread that calls
  // this, at least every kPollInterval, and only while one of the functions below is at work.
  [[nodiscard]] static PulsingExecutor& make(Executor& inner, std::function<void()> pulse);

  [[nodiscard]] Instant now() const override { return inner_.now(); }
  [[nodiscard]] std::int64_t unix_ms() const override { return inner_.unix_ms(); }
  void sleep(milliseconds time) override;
  void elsewhere(std::function<void()> work) override { inner_.elsewhere(std::move(work)); }
  [[nodiscard]] std::vector<bool> fan_out(std::size_t count, milliseconds timeout,
                                          std::function<void(std::size_t)> work) override;
  [[nodiscard]] std::unique_ptr<Loop> make_loop() override { return inner_.make_loop(); }

  // Runs work elsewhere that is bounded by a time-out of its own, and waits for its end.
  void during(std::function<void()> work);

 private:
  PulsingExecutor(Executor& inner, std::function<void()> pulse)
      : inner_(inner), pulse_(std::move(pulse)) {}
  [[nodiscard]] bool is_owner() const { return std::this_thread::get_id() == owner_; }

  Executor& inner_;
  std::function<void()> pulse_;
  std::thread::id owner_ = std::this_thread::get_id();
};

}  // namespace lastword
