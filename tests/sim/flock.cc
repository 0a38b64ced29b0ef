// A lock that is waited for is waited for on the virtual clock: two commands of one node are two
// fibers of one thread here, and flock(2) would stop both. Stands in for the C library's function.
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "tests/sim/scheduler.h"

// Nothing may be thrown: callers were compiled for a C function. A fiber that is killed meanwhile
// gets an error.
extern "C" int flock(int fd, int operation) noexcept {
  using lastword::sim::Scheduler;
  for (;;) {
    const long result = ::syscall(SYS_flock, fd, operation | LOCK_NB);
    if (result == 0 || errno != EWOULDBLOCK || (operation & LOCK_NB) != 0) {
      return static_cast<int>(result);
    }
    if (Scheduler::nap(lastword::sim::Time(20'000))) continue;
    errno = EIO;
    return -1;
  }
}
