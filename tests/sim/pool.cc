#include "tests/sim/pool.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "storage/block/file_descriptor.h"
#include "tests/sim/history.h"

namespace lastword::sim {
namespace {

// What a worker says of one history: small enough for a pipe to keep it whole.
struct Word {
  std::uint64_t seed = 0;
  std::uint64_t steps = 0;
  std::int64_t simulated_ms = 0;
  bool broken = false;
  bool left = false;
  std::array<char, 400> what{};
};

using Clock = std::chrono::steady_clock;

[[noreturn]] void work(const Histories& wanted, unsigned worker, int pipe, Clock::time_point end) {
  for (std::uint64_t i = worker; i < wanted.count && Clock::now() < end; i += wanted.workers) {
    const History history = run_history(wanted.first_seed + i);
    Word word{.seed = wanted.first_seed + i,
              .steps = history.steps,
              .simulated_ms = history.simulated_ms,
              .broken = history.broken.has_value(),
              .left = history.left.has_value()};
    const std::string_view what = history.broken ? *history.broken : std::string_view();
    std::copy_n(what.begin(), std::min(what.size(), word.what.size() - 1), word.what.begin());
    if (::write(pipe, &word, sizeof word) != sizeof word) break;
  }
  ::_exit(0);
}

}  // namespace

Tally run_histories(
    const Histories& wanted,
    const std::function<void(std::uint64_t seed, const std::string& what)>& on_broken) {
  const auto end = Clock::now() + wanted.limit;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  const FileDescriptor read_end(ends[0]);
  FileDescriptor write_end(ends[1]);
  std::vector<::pid_t> workers;
  const ::pid_t parent = ::getpid();
  for (unsigned i = 0; i < wanted.workers; ++i) {
    const ::pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error("fork");
    if (pid == 0) {
      (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(0);
      work(wanted, i, write_end.get(), end);
    }
    workers.push_back(pid);
  }
  write_end = FileDescriptor();
  Tally tally;
  Word word;
  while (::read(read_end.get(), &word, sizeof word) == sizeof word) {
    ++tally.histories;
    tally.steps += word.steps;
    tally.simulated_ms += word.simulated_ms;
    tally.left += word.left ? 1 : 0;
    if (!word.broken) continue;
    ++tally.broken;
    on_broken(word.seed, word.what.data());
    if (!wanted.go_on) break;
  }
  bool died = false;
  for (const ::pid_t pid : workers) {
    if (tally.broken > 0 && !wanted.go_on) ::kill(pid, SIGKILL);
    int status = 0;
    ::waitpid(pid, &status, 0);
    died = died || (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL);
  }
  if (died) throw std::runtime_error("a worker of the simulation has crashed");
  return tally;
}

}  // namespace lastword::sim
