#include "agent/transfer/program_output.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "proto/format_text.h"
#include "storage/block/file_descriptor.h"

namespace lastword {
namespace {

// 0, or an errno.
int spawn_program(std::vector<std::string> words, int output, pid_t& child) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  // What LVM says of descriptors that it did not open concerns nobody.
  std::string quiet = "LVM_SUPPRESS_FD_WARNINGS=1";
  std::vector<char*> variables{quiet.data()};
  for (char** one = environ; *one != nullptr; ++one) variables.push_back(*one);
  variables.push_back(nullptr);
  posix_spawn_file_actions_t files{};
  (void)posix_spawn_file_actions_init(&files);
  (void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  (void)posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
  posix_spawnattr_t attributes{};
  sigset_t defaults{};
  sigset_t none{};
  (void)sigemptyset(&none);
  (void)sigemptyset(&defaults);
  (void)sigaddset(&defaults, SIGPIPE);  // ignored by this process
  (void)posix_spawnattr_init(&attributes);
  (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
  // An interruption at the terminal is for this process, which ends the program or lets it finish.
  (void)posix_spawnattr_setsigmask(&attributes, &none);
  (void)posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  const int number =
      posix_spawnp(&child, pointers[0], &files, &attributes, pointers.data(), variables.data());
  (void)posix_spawnattr_destroy(&attributes);
  (void)posix_spawn_file_actions_destroy(&files);
  return number;
}

Status read_to_end(int from, const std::function<Status(std::span<const char>)>& take,
                   Error& error) {
  std::array<char, 1 << 16> some{};
  for (;;) {
    const ssize_t count = ::read(from, some.data(), some.size());
    if (count == 0) return {};
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      error.sys_errno = errno;
      return fail(error);
    }
    const auto bytes = std::span<const char>(some).first(static_cast<std::size_t>(count));
    if (Status status = take(bytes); !status) return status;
  }
}

}  // namespace

Status read_program(const std::vector<std::string>& words, const std::string& subject,
                    const std::function<Status(std::span<const char>)>& take) {
  Error error{.code = Code::kIo,
              .operation = format_text("run {}", std::string_view(words[0])).view(),
              .disk = subject};
  std::array<int, 2> both{};
  if (::pipe2(both.data(), O_CLOEXEC) != 0) {
    error.sys_errno = errno;
    return fail(error);
  }
  FileDescriptor read_end(both[0]);
  FileDescriptor write_end(both[1]);
  pid_t child = -1;
  error.sys_errno = spawn_program(words, write_end.get(), child);
  if (error.sys_errno != 0) {
    if (error.sys_errno == ENOENT) error.detail = "it is not installed";
    return fail(error);
  }
  write_end.reset();
  const Status taken = read_to_end(read_end.get(), take, error);
  // One that still writes ends by that.
  read_end.reset();
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!taken) return taken;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  error.detail =
      WIFEXITED(status)
          ? format_text("its status is {}; it says why above", WEXITSTATUS(status)).view()
          : "a signal ended it";
  return fail(error);
}

}  // namespace lastword
