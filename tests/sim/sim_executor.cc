#include "tests/sim/sim_executor.h"

#include <deque>
#include <map>
#include <optional>
#include <utility>

namespace lastword::sim {
namespace {

using std::chrono::duration_cast;

// Shared with everybody who may still post.
struct Inbox {
  std::deque<std::function<void()>> posted;
  std::optional<Waiter> reader;  // parked
};

class SimLoop final : public Loop {
 public:
  explicit SimLoop(Scheduler& scheduler) : scheduler_(scheduler) {}
  ~SimLoop() override { inbox_->posted.clear(); }

  Poster poster() override {
    return [scheduler = &scheduler_, inbox = std::weak_ptr(inbox_)](std::function<void()> then) {
      const auto alive = inbox.lock();
      if (!alive) return;
      alive->posted.push_back(std::move(then));
      if (alive->reader) scheduler->wake(*alive->reader);
    };
  }
  void after(milliseconds delay, std::function<void()> then) override {
    timers_.emplace(scheduler_.now() + delay, std::move(then));
  }
  void run_until(const std::function<bool()>& done) override {
    while (!done()) next()();
  }

 private:
  std::function<void()> next() {
    for (;;) {
      if (!inbox_->posted.empty()) {
        auto then = std::move(inbox_->posted.front());
        inbox_->posted.pop_front();
        return then;
      }
      if (!timers_.empty() && timers_.begin()->first <= scheduler_.now()) {
        return std::move(timers_.extract(timers_.begin()).mapped());
      }
      scheduler_.park([this](const Waiter& waiter) {
        inbox_->reader = waiter;
        if (timers_.empty()) return;
        scheduler_.wake_at(timers_.begin()->first, waiter);
      });
      inbox_->reader.reset();
    }
  }

  Scheduler& scheduler_;
  std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::multimap<Time, std::function<void()>> timers_;
};

// Shared with the fibers of one fan_out(), which may go on after fan_out() returned.
struct Gang {
  std::function<void(std::size_t)> work;
  std::vector<bool> done;
  std::size_t returned = 0;
  std::optional<Waiter> caller;
};

}  // namespace

Instant SimExecutor::now() const {
  return duration_cast<Instant>(scheduler_.now() - booted_);
}

std::int64_t SimExecutor::unix_ms() const {
  return 1'700'000'000'000 + duration_cast<milliseconds>(scheduler_.now()).count() + wall_off_ms_;
}

void SimExecutor::elsewhere(std::function<void()> work) {
  scheduler_.spawn(process_, std::move(work));
}

std::vector<bool> SimExecutor::fan_out(std::size_t count, milliseconds timeout,
                                       std::function<void(std::size_t)> work) {
  const auto gang = std::make_shared<Gang>();
  gang->work = std::move(work);
  gang->done.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    scheduler_.spawn(process_, [scheduler = &scheduler_, gang, i] {
      gang->work(i);
      gang->done[i] = true;
      if (++gang->returned == gang->done.size() && gang->caller) scheduler->wake(*gang->caller);
    });
  }
  if (count == 0) return gang->done;
  scheduler_.park([&](const Waiter& waiter) {
    gang->caller = waiter;
    scheduler_.wake_at(scheduler_.now() + timeout, waiter);
  });
  return gang->done;
}

std::unique_ptr<Loop> SimExecutor::make_loop() {
  return std::make_unique<SimLoop>(scheduler_);
}

}  // namespace lastword::sim
