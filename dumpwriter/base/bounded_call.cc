#include "dumpwriter/base/bounded_call.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "proto/format_text.h"
#include "storage/block/elsewhere.h"

namespace lastword {

struct BoundedCall::Shared {
  enum class Stage { kIdle, kAsked, kAnswered, kOver };

  std::mutex mutex;
  std::condition_variable changed;
  Stage stage = Stage::kIdle;
  std::function<Status()> work;
  Status answer;

  bool wait_for_answer(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds timeout) {
    return changed.wait_for(lock, timeout, [&] { return stage == Stage::kAnswered; });
  }

  void serve() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return stage == Stage::kAsked || stage == Stage::kOver; });
      if (stage == Stage::kOver) return;
      lock.unlock();
      Status result = work();
      lock.lock();
      answer = std::move(result);
      if (stage == Stage::kAsked) stage = Stage::kAnswered;
      changed.notify_all();
    }
  }
};

BoundedCall::BoundedCall(std::function<Status()> work) : shared_(std::make_shared<Shared>()) {
  shared_->work = std::move(work);
  run_on_lost_thread([shared = shared_] { shared->serve(); });
}

BoundedCall::~BoundedCall() {
  const std::lock_guard lock(shared_->mutex);
  shared_->stage = Shared::Stage::kOver;
  shared_->changed.notify_all();
}

void BoundedCall::rehearse(std::chrono::milliseconds patience) {
  std::unique_lock lock(shared_->mutex);
  if (shared_->stage != Shared::Stage::kIdle) return;
  shared_->stage = Shared::Stage::kAsked;
  shared_->changed.notify_all();
  if (shared_->wait_for_answer(lock, patience)) shared_->stage = Shared::Stage::kIdle;
}

Status BoundedCall::call(std::chrono::milliseconds timeout) {
  std::unique_lock lock(shared_->mutex);
  // A rehearsal that was slow.
  if (shared_->stage == Shared::Stage::kAsked) (void)shared_->wait_for_answer(lock, timeout);
  if (shared_->stage == Shared::Stage::kAnswered) shared_->stage = Shared::Stage::kIdle;
  if (shared_->stage == Shared::Stage::kIdle) {
    shared_->stage = Shared::Stage::kAsked;
    shared_->changed.notify_all();
    (void)shared_->wait_for_answer(lock, timeout);
  }
  if (shared_->stage != Shared::Stage::kAnswered) {
    // Whatever it answers later is too late: nobody may act on it.
    shared_->stage = Shared::Stage::kOver;
    return fail({.code = Code::kTimeout,
                 .operation = "check candidate",
                 .detail = format_text("no answer within {} ms", timeout.count())});
  }
  shared_->stage = Shared::Stage::kIdle;
  return shared_->answer;
}

}  // namespace lastword
