#include "storage/block/exclusive_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

namespace lastword {
namespace {

// An image is opened for writing, where that is allowed: NFS locks no other descriptor exclusively.
// A disk is not, since closing it would make udev read its table again.
FileDescriptor open_to_lock(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
    FileDescriptor image(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (image.valid()) return image;
  }
  return FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

}  // namespace

Result<FileDescriptor> lock_disk(const std::string& path, const std::function<void()>& pause) {
  constexpr int kTries = 20;
  FileDescriptor file = open_to_lock(path);
  for (int i = 1; file.valid(); ++i) {
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
    if (i == kTries || (errno != EWOULDBLOCK && errno != EINTR)) break;
    pause();
  }
  return fail({.code = errno == EWOULDBLOCK ? Code::kRefused : Code::kIo,
               .sys_errno = errno,
               .operation = "lock disk",
               .disk = path,
               .detail = errno == EWOULDBLOCK
                             ? "another program is at work on it; nothing was written"
                             : ""});
}

}  // namespace lastword
