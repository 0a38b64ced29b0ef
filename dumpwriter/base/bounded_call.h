// Calls something that may hang, such as reading from a sick disk, and waits only so long. The
// thread is made up front; one that hangs is left behind.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "proto/error.h"

namespace lastword {

class BoundedCall {
 public:
  // `work` runs on another thread, but never at the same time as the caller of call(), except after
  // a time-out: what it touches must then live as long as the process.
  explicit BoundedCall(std::function<Status()> work);
  // Does not wait for a thread that hangs.
  ~BoundedCall();
  BoundedCall(const BoundedCall&) = delete;
  BoundedCall& operator=(const BoundedCall&) = delete;

  // What `work` returned. kTimeout: it has not; every later call returns the same at once.
  [[nodiscard]] Status call(std::chrono::milliseconds timeout);
  // Lets `work` run once for what it leaves behind, and waits at most so long for it. Where that is
  // not enough, the next call() waits for it first.
  void rehearse(std::chrono::milliseconds patience);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace lastword
