// What is told of heartbeats that fail on one mailbox disk: each kind of problem once, and the end
// once. A disk that hangs answers nothing, so that a heartbeat which does not come back is a
// problem too. Pure.
#pragma once

#include <optional>
#include <string>

#include "proto/error.h"
#include "proto/timing.h"

namespace lastword {

class MailboxTrouble {
 public:
  enum class News : std::uint8_t { kNothing, kProblem, kOver };

  // A heartbeat has come back, with what went wrong.
  [[nodiscard]] News came_back(const std::optional<Error>& problem);
  // A heartbeat was sent so long ago, and is still under way: a problem after an I/O time-out.
  [[nodiscard]] News still_out(milliseconds time, const std::string& disk, const Timing& timing);
  // The problem as it is now, for people; empty: there is none.
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  News tell(const Error& problem);

  std::optional<Code> told_;
  std::string problem_;
  unsigned good_ = 0;  // heartbeats in a row
};

}  // namespace lastword
