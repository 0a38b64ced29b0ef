#include "agent/node/locks.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "agent/base/text_file.h"

namespace lastword {
namespace {

// `name` is a file in the state directory; `busy` says who may hold the lock.
Result<FileDescriptor> lock(const Config& config, const char* name, bool wait,
                            std::string_view busy) {
  if (Status status = make_directory(config.state_directory); !status) return fail(status.error());
  const std::string path = config.state_directory + "/" + name;
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) {
    return fail({.code = Code::kIo, .sys_errno = errno, .operation = "open lock", .disk = path});
  }
  while (::flock(file.get(), wait ? LOCK_EX : LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    return fail({.code = Code::kRefused,
                 .sys_errno = errno,
                 .operation = "lock",
                 .disk = path,
                 .detail = busy});
  }
  return file;
}

}  // namespace

Result<FileDescriptor> lock_state(const Config& config) {
  return lock(config, "lock", false,
              "another `lastword` start, stop, arm or disarm is running; wait for it");
}

Result<FileDescriptor> lock_takeover(const Config& config, bool wait) {
  return lock(config, "takeover.lock", wait,
              "another takeover is running on this node; it finishes by itself");
}

}  // namespace lastword
