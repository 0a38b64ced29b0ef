// For tests in which a file stands for the device of a thin volume: BLKDISCARD, which files do not
// know, makes a hole. Included by one source of a test program.
#pragma once

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdarg>
#include <cstdint>

namespace lastword::fake {

inline bool discards_are_ignored = false;  // as by a device that only says that it does them

}  // namespace lastword::fake

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  struct stat info {};
  if (request != BLKDISCARD || ::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
  }
  if (lastword::fake::discards_are_ignored) return 0;
  const auto& range = *static_cast<const std::array<std::uint64_t, 2>*>(argument);
  return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(range[0]),
                     static_cast<off_t>(range[1]));
}
