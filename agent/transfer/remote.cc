#include "agent/transfer/remote.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <sstream>
#include <utility>

#include "proto/format_text.h"

namespace lastword {
namespace {

constexpr std::size_t kMaxOutput = 1 << 20;

struct PipeEnds {
  FileDescriptor read;
  FileDescriptor write;
};

Status open_pipe(PipeEnds& ends, const std::string& host) {
  std::array<int, 2> both{};
  if (::pipe2(both.data(), O_CLOEXEC) != 0) {
    return fail({.code = Code::kIo, .sys_errno = errno, .operation = "run ssh", .disk = host});
  }
  ends.read = FileDescriptor(both[0]);
  ends.write = FileDescriptor(both[1]);
  return {};
}

// 0, or an errno. What is valid becomes the child's standard input and output; no input is an empty
// one.
int spawn_ssh(const std::string& host, const std::string& line, const FileDescriptor& input,
              const FileDescriptor& output, pid_t& child) {
  std::array<std::string, 4> words{"ssh", "--", host, line};
  std::array<char*, 5> pointers{words[0].data(), words[1].data(), words[2].data(), words[3].data(),
                                nullptr};
  posix_spawn_file_actions_t files{};
  (void)posix_spawn_file_actions_init(&files);
  if (input.valid()) {
    (void)posix_spawn_file_actions_adddup2(&files, input.get(), STDIN_FILENO);
  } else {
    (void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  if (output.valid()) {
    (void)posix_spawn_file_actions_adddup2(&files, output.get(), STDOUT_FILENO);
  }
  posix_spawnattr_t attributes{};
  sigset_t defaults{};
  (void)sigemptyset(&defaults);
  (void)sigaddset(&defaults, SIGPIPE);  // ignored by this process
  (void)posix_spawnattr_init(&attributes);
  (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
  (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  const int number =
      posix_spawnp(&child, words[0].c_str(), &files, &attributes, pointers.data(), environ);
  (void)posix_spawnattr_destroy(&attributes);
  (void)posix_spawn_file_actions_destroy(&files);
  return number;
}

}  // namespace

std::string shell_word(std::string_view text) {
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'') {
      word += "'\\''";
    } else {
      word += c;
    }
  }
  return word + "'";
}

Result<RemoteCommand> RemoteCommand::start(const std::string& host,
                                           const std::vector<std::string>& words, Pipe pipe) {
  Error error{.code = Code::kIo, .operation = "run ssh", .disk = host};
  if (host.empty() || host.front() == '-') {
    error.code = Code::kUsage;
    error.detail = "is no host";
    return fail(error);
  }
  PipeEnds input;
  PipeEnds output;
  if (pipe != Pipe::kOutput) {
    if (Status status = open_pipe(input, host); !status) return fail(status.error());
  }
  if (pipe != Pipe::kInput) {
    if (Status status = open_pipe(output, host); !status) return fail(status.error());
  }
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + shell_word(word);
  RemoteCommand command;
  command.host_ = host;
  command.input_ = std::move(input.write);
  command.output_ = std::move(output.read);
  error.sys_errno = spawn_ssh(host, line, input.read, output.write, command.child_);
  if (error.sys_errno == 0) return command;
  command.child_ = -1;
  return fail(error);
}

RemoteCommand::RemoteCommand(RemoteCommand&& other) noexcept
    : host_(std::move(other.host_)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      child_(std::exchange(other.child_, -1)) {}

RemoteCommand::~RemoteCommand() {
  if (child_ > 0) (void)wait();
}

Result<int> RemoteCommand::wait() {
  input_.reset();
  output_.reset();
  int status = 0;
  while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return fail(
      {.code = Code::kIo, .operation = "run ssh", .disk = host_, .detail = "a signal ended it"});
}

Result<std::vector<std::string>> remote_lines(const std::string& host,
                                              const std::vector<std::string>& words) {
  auto command = RemoteCommand::start(host, words, RemoteCommand::Pipe::kOutput);
  if (!command) return fail(command.error());
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = ::read(command->output(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || text.size() > kMaxOutput) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  const auto status = command->wait();
  if (!status) return fail(status.error());
  if (*status != 0) {
    return fail({.code = Code::kIo,
                 .operation = "run ssh",
                 .disk = host,
                 .detail = format_text("`{} {} ...` there ended with status {}", words.at(0),
                                       words.at(1), *status)});
  }
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace lastword
