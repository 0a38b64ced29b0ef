#include "agent/base/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string_view>

#include "storage/block/file_descriptor.h"
#include "storage/block/standard_files.h"

namespace lastword {
namespace {

using std::chrono::steady_clock;

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// A file without a name that holds the text, to be read from its beginning. Not valid: errno says
// why.
FileDescriptor file_with(std::string_view text) {
  FileDescriptor file(::memfd_create("lastword-input", MFD_CLOEXEC));
  while (file.valid() && !text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileDescriptor();
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (file.valid()) (void)::lseek(file.get(), 0, SEEK_SET);
  return file;
}

// 0, or an errno.
int spawn(const ChildOrder& order, pid_t& child) {
  FileDescriptor input;
  if (!order.input.empty()) {
    input = file_with(order.input);
    if (!input.valid()) return errno;
  }
  std::vector<std::string> command = order.command;
  std::vector<std::string> environment = order.environment;
  posix_spawn_file_actions_t files{};
  (void)posix_spawn_file_actions_init(&files);
  // A process group in the background of a terminal would be stopped when it reads from it.
  if (input.valid()) {
    (void)posix_spawn_file_actions_adddup2(&files, input.get(), STDIN_FILENO);
  } else {
    (void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  // A program that prints must not fail because this one's output was closed.
  if (!is_writable(STDOUT_FILENO)) {
    (void)posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  }
  posix_spawnattr_t attributes{};
  sigset_t defaults{};
  (void)sigemptyset(&defaults);
  (void)sigaddset(&defaults, SIGPIPE);  // ignored by this process
  (void)posix_spawnattr_init(&attributes);
  (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
  (void)posix_spawnattr_setpgroup(&attributes, 0);
  (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  const int number = posix_spawnp(&child, command.front().c_str(), &files, &attributes,
                                  pointers_to(command).data(), pointers_to(environment).data());
  (void)posix_spawnattr_destroy(&attributes);
  (void)posix_spawn_file_actions_destroy(&files);
  return number;
}

// A descriptor of a process becomes readable when the process ends (pidfd_open(2)).
bool ends_within(int process, milliseconds time) {
  const auto until = steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    pollfd wanted{.fd = process, .events = POLLIN, .revents = 0};
    const milliseconds wait = std::clamp(left, milliseconds(0), kLongestTime);
    if (::poll(&wanted, 1, static_cast<int>(wait.count())) > 0) return true;
    if (left <= milliseconds(0)) return false;
  }
}

ChildEnd::How wait_or_end(const ChildOrder& order, pid_t child, int process) {
  if (ends_within(process, order.timeout)) return ChildEnd::How::kItself;
  (void)::kill(-child, SIGTERM);
  const bool by_term = ends_within(process, order.grace);
  // What the leader left of its group goes too. The leader is not reaped yet, so that the number of
  // the group is still its own.
  (void)::kill(-child, SIGKILL);
  if (by_term) return ChildEnd::How::kTerminated;
  return ends_within(process, order.grace) ? ChildEnd::How::kKilled : ChildEnd::How::kNotAtAll;
}

}  // namespace

Result<ChildEnd> run_child(const ChildOrder& order) {
  Error error{.operation = "run", .disk = order.command.front()};
  pid_t child = 0;
  error.sys_errno = spawn(order, child);
  if (error.sys_errno != 0) return fail(error);
  order.begun(child);
  // glibc 2.36 declares pidfd_open() for C only.
  const FileDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  if (!process.valid()) {
    error.sys_errno = errno;
    (void)::kill(-child, SIGKILL);
  }
  ChildEnd end;
  if (process.valid()) end.how = wait_or_end(order, child, process.get());
  if (end.how == ChildEnd::How::kNotAtAll) return end;
  while (::waitpid(child, &end.wait_status, 0) < 0 && errno == EINTR) {
  }
  if (!process.valid()) return fail(error);
  return end;
}

}  // namespace lastword
