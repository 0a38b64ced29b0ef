#include "agent/base/fan_out.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace lastword {
namespace {

// Shared with the threads, so that one left behind in the kernel never sees a dead frame.
struct Gang {
  std::function<void(std::size_t)> work;
  std::mutex mutex;
  std::condition_variable one_returned;
  std::size_t next = 0;
  std::size_t returned = 0;
  bool closed = false;  // the caller has gone: start nothing more
  std::vector<bool> done;
};

void run(const std::shared_ptr<Gang>& gang) {
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

}  // namespace

std::vector<bool> fan_out(std::size_t count, std::chrono::milliseconds timeout,
                          std::function<void(std::size_t)> work) {
  const auto gang = std::make_shared<Gang>();
  gang->work = std::move(work);
  gang->done.resize(count);
  for (std::size_t i = 0; i < std::min(count, kMaxParallel); ++i) {
    std::thread([gang] { run(gang); }).detach();
  }
  std::unique_lock lock(gang->mutex);
  gang->one_returned.wait_for(lock, timeout, [&] { return gang->returned == count; });
  gang->closed = true;
  return gang->done;
}

}  // namespace lastword
