#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "agent/base/executor.h"
#include "storage/block/elsewhere.h"

namespace lastword {
namespace {

using std::chrono::duration_cast;

Instant steady_now() {
  return duration_cast<Instant>(std::chrono::steady_clock::now().time_since_epoch());
}

// Shared with everybody who may still post.
struct Inbox {
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<std::function<void()>> posted;
};

class ThreadLoop final : public Loop {
 public:
  ~ThreadLoop() override {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->posted.clear();
  }
  Poster poster() override {
    return [inbox = std::weak_ptr(inbox_)](std::function<void()> then) {
      const auto alive = inbox.lock();
      if (!alive) return;
      const std::lock_guard lock(alive->mutex);
      alive->posted.push_back(std::move(then));
      alive->arrived.notify_one();
    };
  }
  void after(milliseconds delay, std::function<void()> then) override {
    timers_.emplace(steady_now() + delay, std::move(then));
  }
  void run_until(const std::function<bool()>& done) override {
    while (!done()) next()();
  }

 private:
  std::function<void()> next() {
    std::unique_lock lock(inbox_->mutex);
    for (;;) {
      if (!inbox_->posted.empty()) {
        auto then = std::move(inbox_->posted.front());
        inbox_->posted.pop_front();
        return then;
      }
      if (timers_.empty()) {
        inbox_->arrived.wait(lock);
        continue;
      }
      const Instant left = timers_.begin()->first - steady_now();
      if (left <= Instant{0}) return std::move(timers_.extract(timers_.begin()).mapped());
      inbox_->arrived.wait_for(lock, left);
    }
  }

  std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();
  std::multimap<Instant, std::function<void()>> timers_;  // the loop's thread alone
};

// Threads that have done their work, and wait here for more: a thread that is made and ended costs
// several times what it takes to hand work to one that is there, and the agent needs some each
// tenth of a second, and one for each disk every few seconds. One that hangs is not among them.
class IdleThreads {
 public:
  void run(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        // The one that came last: the others go when they have long not been needed.
        Idle& last = *idle_.back();
        idle_.pop_back();
        last.work = std::move(work);
        last.given.notify_one();
        return;
      }
    }
    run_on_lost_thread([this, work = std::move(work)]() mutable {
      while (work) {
        work();
        // What it holds is let go of before the wait.
        work = nullptr;
        work = wait();
      }
    });
  }

 private:
  // Beyond the time between two surveys.
  static constexpr std::chrono::seconds kPatience{10};

  struct Idle {
    std::condition_variable given;
    std::function<void()> work;
  };

  // Empty: nothing came.
  std::function<void()> wait() {
    Idle self;
    std::unique_lock lock(mutex_);
    idle_.push_back(&self);
    self.given.wait_for(lock, kPatience, [&] { return self.work != nullptr; });
    if (!self.work) std::erase(idle_, &self);
    return std::move(self.work);
  }

  std::mutex mutex_;
  std::vector<Idle*> idle_;
};

// Shared with the threads of one fan_out(): a thread that hangs may go on after fan_out() returned.
struct Gang {
  std::function<void(std::size_t)> work;
  std::mutex mutex;
  std::condition_variable one_returned;
  std::size_t next = 0;
  std::size_t returned = 0;
  bool closed = false;  // the caller has gone: start nothing more
  std::vector<bool> done;
};

void work_off(const std::shared_ptr<Gang>& gang) {
  std::unique_lock lock(gang->mutex);
  while (!gang->closed && gang->next < gang->done.size()) {
    const std::size_t index = gang->next++;
    lock.unlock();
    gang->work(index);
    lock.lock();
    gang->done[index] = true;
    ++gang->returned;
    gang->one_returned.notify_all();
  }
}

class ThreadExecutor final : public Executor {
 public:
  Instant now() const override { return steady_now(); }
  std::int64_t unix_ms() const override {
    return duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  }
  void sleep(milliseconds time) override { std::this_thread::sleep_for(time); }
  void elsewhere(std::function<void()> work) override { threads_.run(std::move(work)); }
  std::vector<bool> fan_out(std::size_t count, milliseconds timeout,
                            std::function<void(std::size_t)> work) override {
    const auto gang = std::make_shared<Gang>();
    gang->work = std::move(work);
    gang->done.resize(count);
    for (std::size_t i = 0; i < std::min(count, kMaxParallel); ++i) {
      elsewhere([gang] { work_off(gang); });
    }
    std::unique_lock lock(gang->mutex);
    gang->one_returned.wait_for(lock, timeout, [&] { return gang->returned == count; });
    gang->closed = true;
    return gang->done;
  }
  std::unique_ptr<Loop> make_loop() override { return std::make_unique<ThreadLoop>(); }

 private:
  IdleThreads threads_;
};

}  // namespace

Executor& real_executor() {
  static auto* const executor = new ThreadExecutor;
  return *executor;
}

}  // namespace lastword
