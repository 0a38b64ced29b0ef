#include "agent/node/locks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>

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

template <typename LockIt>
Result<FileDescriptor> try_for(milliseconds patience, Executor& executor, LockIt lock_it) {
  constexpr milliseconds kLockPause{10};
  for (milliseconds waited{0};; waited += kLockPause) {
    auto lock = lock_it();
    if (lock || lock.error().code != Code::kRefused || waited >= patience) return lock;
    executor.sleep(kLockPause);
  }
}

std::string pid_in(const std::string& path) {
  const auto text = read_text_file(path);
  if (!text) return "";
  return text->substr(0, text->find_first_not_of("0123456789"));
}

}  // namespace

// The thread that a process began with is a zombie when the process was killed, and others of it
// cannot end yet; or it cannot end itself, with the signal pending.
bool tells_of_kill(std::string_view proc_status) {
  constexpr unsigned kHex = 16;
  const auto value_of = [&](std::string_view name) -> std::string_view {
    const std::size_t at = proc_status.find(name);
    if (at == std::string_view::npos) return {};
    const std::string_view rest = proc_status.substr(at + name.size());
    const std::size_t from = std::min(rest.find_first_not_of(" \t"), rest.size());
    return rest.substr(from, rest.find('\n', from) - from);
  };
  const auto has_kill = [&](std::string_view name) {
    const std::string_view text = value_of(name);
    std::uint64_t signals = 0;
    std::from_chars(text.data(), text.data() + text.size(), signals, kHex);
    return (signals >> (SIGKILL - 1) & 1) != 0;
  };
  return value_of("\nState:").starts_with('Z') || has_kill("\nSigPnd:") || has_kill("\nShdPnd:");
}

Result<FileDescriptor> lock_agent(const Config& config) {
  const std::string name = "agent.lock";
  const std::string path = config.state_directory + "/" + name;
  const auto lock_it = [&] {
    return lock_file(config.state_directory, name, "another agent of this node ends, or begins");
  };
  auto lock = lock_it();
  if (!lock && lock.error().code == Code::kRefused) {
    const std::string pid = pid_in(path);
    const auto status = read_text_file("/proc/" + pid + "/status");
    if (!pid.empty() && status && tells_of_kill(*status)) {
      (void)::unlink(path.c_str());
      lock = lock_it();
    } else if (!pid.empty() && status) {
      lock.error().detail = fmt::format(
          "another agent runs on this node, as process {0}, and goes on; this one ends, and is not "
          "started again by itself. If {0} was started by hand: end it, then `systemctl start "
          "lastword-agent`",
          pid);
    } else {
      // Who has it cannot be named, and will not have it for long.
      lock.error().code = Code::kTimeout;
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
                   "another `lastword` command is at work (start, stop, halt, arm, disarm, "
                   "handover, disable, enable or no-takeover), or the agent takes or leaves disks; "
                   "`lastword status` shows what is under way: try again");
}

Result<FileDescriptor> lock_state(const Config& config, Executor& executor, milliseconds patience) {
  return try_for(patience, executor, [&] { return lock_state(config); });
}

Result<FileDescriptor> lock_takeover(const Config& config) {
  return lock_file(config.state_directory, "takeover.lock",
                   "a takeover, giveback or handover runs on this node, or `start`, `stop` or the "
                   "agent looks at one; it ends by itself: try again");
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
  auto lock = try_for(patience, executor, [&] {
    return lock_file(state_directory, "slot-" + to_string(*uuid) + ".lock",
                     "another `lastword` is writing this node's mailbox slot");
  });
  if (!lock && lock.error().code == Code::kRefused) lock.error().code = Code::kTimeout;
  return lock;
}

}  // namespace lastword
