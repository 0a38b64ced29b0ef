// A short piece of work that is not left in the middle because somebody presses Ctrl-C.
#pragma once

#include <csignal>

namespace lastword {

// While it lives, what ends or stops a program by a signal waits, but for SIGKILL and SIGSTOP. Of
// one thread.
class WithoutInterruption {
 public:
  WithoutInterruption() {
    sigset_t signals{};
    (void)sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU})
      (void)sigaddset(&signals, signal);
    (void)::pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  ~WithoutInterruption() { (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  WithoutInterruption(const WithoutInterruption&) = delete;
  WithoutInterruption& operator=(const WithoutInterruption&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace lastword
