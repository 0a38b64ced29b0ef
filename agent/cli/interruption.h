// What a command says when a person ends it with Ctrl-C, systemd with SIGTERM, or a terminal that
// goes away with SIGHUP.
#pragma once

#include <string>

namespace lastword {

// While it lives, SIGINT, SIGTERM and SIGHUP print `message` on standard error before they end the
// program as ever: what state is left, and how to go on. One at a time in a program. A signal that
// was ignored (nohup) stays ignored.
class Interruption {
 public:
  explicit Interruption(const std::string& message);
  ~Interruption();
  // From now on it prints this.
  void tell(const std::string& message);
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;
};

// While it lives, the first SIGINT, SIGTERM or SIGHUP only makes wanted() true, in the hope that
// the program then ends in order; the same SIGINT or SIGTERM again ends it as ever. Not beside an
// Interruption.
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;
  [[nodiscard]] static bool wanted();
};

}  // namespace lastword
