// Work elsewhere, on threads of this machine.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>

#include "agent/base/executor.h"

namespace lastword::test {
namespace {

std::size_t threads_of_this_process() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    count += entry.is_directory() ? 1 : 0;
  }
  return count;
}

class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(thread_executor)

BOOST_AUTO_TEST_CASE(work_that_hangs_holds_up_no_other) {
  std::vector<std::shared_ptr<Gate>> gates;
  for (int i = 0; i < 20; ++i) {
    const auto gate = gates.emplace_back(std::make_shared<Gate>());
    real_executor().elsewhere([gate] { gate->pass(); });
    const auto done = std::make_shared<Gate>();
    real_executor().elsewhere([done] { done->open(); });
    done->pass();
  }
  for (const auto& gate : gates) gate->open();
}

// The agent does some work elsewhere each tenth of a second, for months.
BOOST_AUTO_TEST_CASE(threads_do_not_pile_up) {
  const std::size_t before = threads_of_this_process();
  for (int i = 0; i < 1000; ++i) {
    const auto done = std::make_shared<Gate>();
    real_executor().elsewhere([done] { done->open(); });
    done->pass();
  }
  BOOST_TEST(threads_of_this_process() < before + 100);
}

BOOST_AUTO_TEST_CASE(what_work_holds_is_let_go_of_when_it_is_done) {
  const auto held = std::make_shared<int>(1);
  real_executor().elsewhere([held] { (void)held; });
  while (held.use_count() > 1) real_executor().sleep(milliseconds(1));
  BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(fan_out_says_which_did_not_return) {
  const auto gate = std::make_shared<Gate>();
  const auto counted = std::make_shared<std::atomic<int>>(0);
  const auto done = real_executor().fan_out(50, milliseconds(1000), [gate, counted](std::size_t i) {
    if (i == 7) gate->pass();
    ++*counted;
  });
  for (std::size_t i = 0; i < done.size(); ++i) BOOST_TEST(done[i] == (i != 7));
  BOOST_TEST(*counted >= 49);
  gate->open();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
