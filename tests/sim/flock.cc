// Stands in for the C library's function, for two reasons. A lock that is waited for is waited for
// on the virtual clock: two commands of one node are two fibers of one thread here, and flock(2)
// would stop both. And a lock is of a process alone: the kernel's would be shared with the children
// that the exhaustive search forks, and nothing that a child closes would unlock it.
//
// A lock is of a path; whoever holds it keeps the file open, as lastword does.
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <string>

#include "tests/sim/scheduler.h"

namespace {

// A file that was removed meanwhile is not the one that has its path now.
std::string path_of(int fd) {
  std::array<char, 512> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  return length < 0 ? std::string() : std::string(path.data(), static_cast<std::size_t>(length));
}

// Descriptors that were locked last, by path.
std::map<std::string, int>& holders() {
  static std::map<std::string, int> all;
  return all;
}

bool lock(int fd) {
  const std::string path = path_of(fd);
  const auto [holder, is_new] = holders().try_emplace(path, fd);
  // A descriptor that was closed, or is another file by now, holds nothing.
  if (!is_new && holder->second != fd && path_of(holder->second) == path) return false;
  holder->second = fd;
  return true;
}

}  // namespace

// Nothing may be thrown: callers were compiled for a C function. A fiber that is killed meanwhile
// gets an error.
extern "C" int flock(int fd, int operation) noexcept {
  using lastword::sim::Scheduler;
  if ((operation & LOCK_UN) != 0) {
    std::erase_if(holders(), [&](const auto& one) { return one.second == fd; });
    return 0;
  }
  while (!lock(fd)) {
    if ((operation & LOCK_NB) != 0) {
      errno = EWOULDBLOCK;
      return -1;
    }
    if (Scheduler::nap(lastword::sim::Time(20'000))) continue;
    errno = EIO;
    return -1;
  }
  return 0;
}
