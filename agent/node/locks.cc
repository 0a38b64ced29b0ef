#include "agent/node/locks.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "agent/base/text_file.h"
#include "proto/uuid.h"

namespace lastword {
namespace {

// `name` is a file in the state directory; `busy` says who may hold the lock.
Result<FileDescriptor> lock_file(const std::string& state_directory, const std::string& name,
                                 std::string_view busy) {
  if (Status status = make_directory(state_directory); !status) return fail(status.error());
  const std::string path = state_directory + "/" + name;
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) {
    return fail({.code = Code::kIo, .sys_errno = errno, .operation = "open lock", .disk = path});
  }
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    return fail({.code = Code::kRefused,
                 .sys_errno = errno,
                 .operation = "lock",
                 .disk = path,
                 .detail = busy});
  }
  return file;
}

// proc(5): the state of a process follows its name, which is in parentheses and may hold any. The
// thread that a process began with is a zombie when it was killed, and others of it cannot end yet.
bool has_been_killed(const std::string& pid) {
  const auto stat = read_text_file("/proc/" + pid + "/stat");
  if (!stat) return false;
  const std::size_t name_end = stat->rfind(") ");
  return name_end != std::string::npos && stat->compare(name_end + 2, 1, "Z") == 0;
}

std::string pid_in(const std::string& path) {
  const auto text = read_text_file(path);
  if (!text) return "";
  return text->substr(0, text->find_first_not_of("0123456789"));
}

}  // namespace

Result<FileDescriptor> lock_agent(const Config& config) {
  const std::string name = "agent.lock";
  const std::string path = config.state_directory + "/" + name;
  auto lock = lock_file(config.state_directory, name, "another agent runs on this node");
  if (!lock && lock.error().code == Code::kRefused) {
    const std::string pid = pid_in(path);
    if (has_been_killed(pid)) {
      (void)::unlink(path.c_str());
      lock = lock_file(config.state_directory, name, "another agent runs on this node");
    } else if (!pid.empty()) {
      lock.error().detail = "another agent runs on this node, as process " + pid +
                            ", and goes on; this one ends: `systemctl status lastword-agent`";
    }
  }
  if (!lock) return lock;
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock->get(), 0) != 0 ||
      ::pwrite(lock->get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return fail({.code = Code::kIo, .sys_errno = errno, .operation = "write lock", .disk = path});
  }
  return lock;
}

Result<FileDescriptor> lock_state(const Config& config) {
  return lock_file(config.state_directory, "lock",
                   "another `lastword` start, stop, arm or disarm is running; wait for it");
}

Result<FileDescriptor> lock_takeover(const Config& config) {
  return lock_file(
      config.state_directory, "takeover.lock",
      "a takeover runs on this node, or `start`, `stop` or the agent looks at one; it ends "
      "by itself: try again");
}

Result<FileDescriptor> lock_slot(const std::string& state_directory, std::string_view disk_uuid,
                                 Executor& executor, milliseconds patience) {
  // Read from a disk: it is to be no path.
  const auto uuid = parse_uuid(disk_uuid);
  if (!uuid) {
    return fail({.code = Code::kCorrupt,
                 .operation = "lock mailbox slot",
                 .detail = "the label of the mailbox disk has no UUID"});
  }
  constexpr milliseconds kPause{10};
  for (milliseconds waited{0};; waited += kPause) {
    auto lock = lock_file(state_directory, "slot-" + to_string(*uuid) + ".lock",
                          "another `lastword` is writing this node's mailbox slot");
    if (lock || lock.error().code != Code::kRefused) return lock;
    if (waited >= patience) {
      lock.error().code = Code::kTimeout;
      return lock;
    }
    executor.sleep(kPause);
  }
}

}  // namespace lastword
