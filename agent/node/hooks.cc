#include "agent/node/hooks.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <vector>

namespace lastword {

Status run_hook(const std::string& program, const std::string& event, const std::string& detail) {
  if (program.empty()) return {};
  static std::mutex one_at_a_time;
  const std::lock_guard turn(one_at_a_time);
  std::string event_variable = "LASTWORD_EVENT=" + event;
  std::string detail_variable = "LASTWORD_DETAIL=" + detail;
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.push_back(*variable);
  }
  environment.push_back(event_variable.data());
  environment.push_back(detail_variable.data());
  environment.push_back(nullptr);
  std::string path = program;
  char* arguments[] = {path.data(), nullptr};

  Error error{.code = Code::kIo, .operation = "hook " + event, .disk = program};
  pid_t child = 0;
  error.sys_errno =
      posix_spawn(&child, path.c_str(), nullptr, nullptr, arguments, environment.data());
  if (error.sys_errno != 0) return fail(error);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno == EINTR) continue;
    error.sys_errno = errno;
    return fail(error);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  error.detail = WIFEXITED(status) ? fmt::format("ended with status {}", WEXITSTATUS(status))
                                   : fmt::format("killed by signal {}", WTERMSIG(status));
  return fail(error);
}

}  // namespace lastword
