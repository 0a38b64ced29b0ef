// Items that several threads work on at once, and that come out in the order in which they were put
// in. One thread puts in, one takes out.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace lastword {

[[nodiscard]] inline unsigned all_processors() {
  return std::max(std::thread::hardware_concurrency(), 1U);
}

template <class Item>
class OrderedWork {
 public:
  using Worker = std::function<void(Item&)>;

  // Each thread makes its own worker. There are two items for each thread, and two more: enough to
  // keep all threads busy. No item is made later.
  OrderedWork(unsigned threads, std::function<Worker()> make_worker)
      : items_(2 * std::size_t{threads} + 2) {
    for (Entry& entry : items_) free_.push_back(&entry);
    for (unsigned i = 0; i < threads; ++i) {
      threads_.emplace_back([this, make_worker] { run(make_worker()); });
    }
  }
  // What was not taken out is dropped.
  ~OrderedWork() {
    stop();
    for (std::thread& thread : threads_) thread.join();
  }
  OrderedWork(const OrderedWork&) = delete;
  OrderedWork& operator=(const OrderedWork&) = delete;

  // A free item to fill and put in, with the content that it had when it was released. Waits for
  // one; null once stopped.
  [[nodiscard]] Item* get_free() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !free_.empty() || stopped_; });
    if (stopped_) return nullptr;
    Entry* const entry = free_.back();  // of all, the likeliest to be in a processor's cache
    free_.pop_back();
    return entry;
  }
  void put_in(Item& item) {
    const std::lock_guard lock(mutex_);
    auto& entry = static_cast<Entry&>(item);
    entry.done = false;
    waiting_.push_back(&entry);
    under_way_.push_back(&entry);
    changed_.notify_all();
  }

  // Of the items that are not released, the one that was put in first; waits until its work is
  // done. Every call gives the same item until it is released. Null once stopped.
  [[nodiscard]] Item* first() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock,
                  [this] { return stopped_ || (!under_way_.empty() && under_way_.front()->done); });
    return stopped_ ? nullptr : under_way_.front();
  }
  void release_first() {
    const std::lock_guard lock(mutex_);
    free_.push_back(under_way_.front());
    under_way_.pop_front();
    changed_.notify_all();
  }

  // Returns when everything was released, or once stopped: then false.
  [[nodiscard]] bool wait_until_released() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return under_way_.empty() || stopped_; });
    return !stopped_;
  }
  // Ends every wait, for good.
  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  struct Entry : Item {
    bool done = false;
  };

  void run(const Worker& work) {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return !waiting_.empty() || stopped_; });
      if (stopped_) return;
      Entry& entry = *waiting_.front();
      waiting_.pop_front();
      lock.unlock();
      work(entry);
      lock.lock();
      entry.done = true;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Entry> items_;
  std::vector<Entry*> free_;      // guarded by mutex_, like all below
  std::deque<Entry*> waiting_;    // for a worker
  std::deque<Entry*> under_way_;  // in order; those that are waiting too
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace lastword
