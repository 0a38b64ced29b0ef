#include "agent/node/hooks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <mutex>
#include <string_view>
#include <vector>

namespace lastword {

namespace {

// "NAME=value", of this process and for the hook. A value that this process inherited itself, as
// when a hook runs lastword, does not reach the hook beside the new one.
std::vector<std::string> environment_for(const HookInput& input) {
  std::vector<std::string> own{
      "LASTWORD_EVENT=" + input.event,
      "LASTWORD_DETAIL=" + input.detail,
      fmt::format("LASTWORD_DISKS={}", fmt::join(input.disks, " ")),
      fmt::format("LASTWORD_NEW_DISKS={}", fmt::join(input.new_disks, " ")),
      fmt::format("LASTWORD_MISSING_DISKS={}", fmt::join(input.missing_disks, " ")),
      fmt::format("LASTWORD_OPENERS={}", fmt::join(input.openers, "\n"))};
  std::vector<std::string> all;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view inherited = *variable;
    const auto same_name = [name = inherited.substr(0, inherited.find('=') + 1)](
                               const std::string& one) { return one.starts_with(name); };
    if (std::ranges::none_of(own, same_name)) all.emplace_back(inherited);
  }
  std::ranges::move(own, std::back_inserter(all));
  return all;
}

}  // namespace

Status run_hook(const std::string& program, const HookInput& input) {
  if (program.empty()) return {};
  static std::mutex one_at_a_time;
  const std::lock_guard turn(one_at_a_time);
  std::vector<std::string> variables = environment_for(input);
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  std::string path = program;
  char* arguments[] = {path.data(), nullptr};

  Error error{.code = Code::kIo, .operation = "hook " + input.event, .disk = program};
  pid_t child = 0;
  // This process ignores SIGPIPE; the hook's programs expect it.
  posix_spawnattr_t attributes{};
  sigset_t defaults{};
  (void)sigemptyset(&defaults);
  (void)sigaddset(&defaults, SIGPIPE);
  (void)posix_spawnattr_init(&attributes);
  (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
  (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  error.sys_errno =
      posix_spawn(&child, path.c_str(), nullptr, &attributes, arguments, environment.data());
  (void)posix_spawnattr_destroy(&attributes);
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
