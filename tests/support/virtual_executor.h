// The seam for time and concurrency (agent/base/executor.h) in one thread on a virtual clock: the
// same program does the same at the same times in every run, and a minute passes at once.
//
// Work 'elsewhere' runs when it is asked for. What it sleeps is how long it takes: its report
// reaches the loop that much later, and the clock of whoever asked stands still meanwhile.
#pragma once

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "agent/base/executor.h"

namespace lastword::test {

class VirtualExecutor final : public Executor {
 public:
  Instant now() const override { return now_; }
  std::int64_t unix_ms() const override {
    return 1'700'000'000'000 + wall_is_ahead_ms + now_.count();
  }
  void sleep(milliseconds time) override { now_ += time; }

  void elsewhere(std::function<void()> work) override {
    const Instant asked = now_;
    work();
    now_ = asked;
  }

  std::vector<bool> fan_out(std::size_t count, milliseconds timeout,
                            std::function<void(std::size_t)> work) override {
    const Instant asked = now_;
    if (hanging != 0 && count == 1) {
      --hanging;
      now_ += timeout;
      return {false};
    }
    Instant end = asked;
    std::vector<bool> done(count);
    for (std::size_t i = 0; i < count; ++i) {
      now_ = asked;
      work(i);
      done[i] = now_ - asked <= timeout;
      end = std::max(end, std::min(now_, asked + timeout));
    }
    now_ = end;
    return done;
  }

  std::unique_ptr<Loop> make_loop() override { return std::make_unique<VirtualLoop>(*this); }

  std::int64_t wall_is_ahead_ms = 0;  // somebody has set the wall clock
  // So many of the next fan-outs of a single piece of work hang before it does anything.
  unsigned hanging = 0;

 private:
  // By the time when each is due; of one time in the order of posting.
  using Queue = std::multimap<Instant, std::function<void()>>;

  class VirtualLoop final : public Loop {
   public:
    explicit VirtualLoop(VirtualExecutor& executor) : executor_(executor) {}
    Poster poster() override {
      return [executor = &executor_, queue = std::weak_ptr(queue_)](std::function<void()> then) {
        if (const auto alive = queue.lock()) alive->emplace(executor->now_, std::move(then));
      };
    }
    void after(milliseconds delay, std::function<void()> then) override {
      queue_->emplace(executor_.now_ + delay, std::move(then));
    }
    void run_until(const std::function<bool()>& done) override {
      while (!done()) {
        if (queue_->empty()) throw std::logic_error("nothing is left that could happen");
        const auto first = queue_->extract(queue_->begin());
        executor_.now_ = std::max(executor_.now_, first.key());
        first.mapped()();
      }
    }

   private:
    VirtualExecutor& executor_;
    std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
  };

  Instant now_{0};
};

}  // namespace lastword::test
