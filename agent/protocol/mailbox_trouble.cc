#include "agent/protocol/mailbox_trouble.h"

#include <fmt/format.h>

#include <utility>

namespace lastword {
namespace {

// One that goes well between others that fail is not the end.
constexpr unsigned kGoodInARow = 3;

}  // namespace

MailboxTrouble::News MailboxTrouble::came_back(const std::optional<Error>& problem) {
  if (problem) return tell(*problem);
  if (!told_ || ++good_ < kGoodInARow) return News::kNothing;
  told_.reset();
  problem_.clear();
  return News::kOver;
}

MailboxTrouble::News MailboxTrouble::still_out(milliseconds time, const std::string& disk,
                                               const Timing& timing) {
  if (time < timing.settings.io_timeout) return News::kNothing;
  return tell({.code = Code::kTimeout,
               .operation = "heartbeat",
               .disk = disk,
               .detail = fmt::format("not back after {} ms: the disk hangs, and is no vote; look "
                                     "at it and at the path to it",
                                     time.count())});
}

MailboxTrouble::News MailboxTrouble::tell(const Error& problem) {
  good_ = 0;
  const bool known = told_ == problem.code;
  told_ = problem.code;
  if (known) return News::kNothing;
  problem_ = describe(problem);
  return News::kProblem;
}

}  // namespace lastword
