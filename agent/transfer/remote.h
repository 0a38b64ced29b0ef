// A command on another host, by ssh(1): its input, its output or both are pipes of ours. ssh does
// what belongs to the link: who may, keys, encryption, and what the administrator set up for it.
#pragma once

#include <string>
#include <vector>

#include "proto/error.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

// One word of a shell's command line that stands for `text`, whatever is in it.
[[nodiscard]] std::string shell_word(std::string_view text);

class RemoteCommand {
 public:
  enum class Pipe : std::uint8_t { kInput, kOutput, kBoth };

  // `words` are run by the login shell of `host` ("HOST" or "USER@HOST"). The other two of its
  // three files are ours, or, for kOutput, no input. kIo: ssh cannot be started. kUsage: a host
  // that ssh would take for an option.
  [[nodiscard]] static Result<RemoteCommand> start(const std::string& host,
                                                   const std::vector<std::string>& words,
                                                   Pipe pipe);
  // Ends the command where wait() was not called: its pipe is closed, and it is waited for.
  ~RemoteCommand();
  RemoteCommand(RemoteCommand&& other) noexcept;
  RemoteCommand& operator=(RemoteCommand&&) = delete;

  // To its input; -1 for kOutput. Closed by end_input().
  [[nodiscard]] int input() const { return input_.get(); }
  void end_input() { input_.reset(); }
  // From its output; -1 for kInput.
  [[nodiscard]] int output() const { return output_.get(); }
  // Closes both and returns the exit status; 255 is ssh's own failure. kIo: a signal ended it.
  [[nodiscard]] Result<int> wait();

 private:
  RemoteCommand() = default;
  std::string host_;
  FileDescriptor input_;
  FileDescriptor output_;
  pid_t child_ = -1;
};

// All lines of a command's output, at most 1 MiB. kIo where its status is not 0; it has said why
// on standard error.
[[nodiscard]] Result<std::vector<std::string>> remote_lines(const std::string& host,
                                                            const std::vector<std::string>& words);

}  // namespace lastword
