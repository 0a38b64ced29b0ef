#include "storage/block/standard_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace lastword {

void fill_standard_files() {
  int fd = 0;
  // open() returns the lowest free descriptor.
  while (fd <= STDERR_FILENO) {
    fd = ::open("/dev/null", O_RDWR);
    if (fd < 0) return;
  }
  ::close(fd);
}

bool can_redraw(int fd) {
  const char* const term = std::getenv("TERM");
  return ::isatty(fd) == 1 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

Status finish_output() {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return {};
  return fail({.code = Code::kIo,
               .sys_errno = errno,
               .operation = "write the output",
               .disk = "standard output"});
}

}  // namespace lastword
