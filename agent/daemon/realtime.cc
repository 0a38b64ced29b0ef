#include "agent/daemon/realtime.h"

#include <sched.h>
#include <sys/mman.h>

#include <cerrno>

namespace lastword {

Status lock_memory() {
  // Stacks of threads are megabytes, of which they touch few.
  if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0) return {};
  return fail({.code = Code::kIo,
               .sys_errno = errno,
               .operation = "lock memory",
               .detail = "a node that is short of memory may be late with its heartbeats"});
}

Status prefer_this_thread() {
  // The lowest: whatever else has real-time priority goes before.
  const sched_param lowest{.sched_priority = ::sched_get_priority_min(SCHED_RR)};
  if (::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) == 0) return {};
  return fail({.code = Code::kIo,
               .sys_errno = errno,
               .operation = "ask for real-time priority",
               .detail = "a node that is busy may be late with its heartbeats"});
}

}  // namespace lastword
