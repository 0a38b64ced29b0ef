// lw-stamp COMMAND [ARGUMENT]...: run a command and tell when it printed each line.
//   SECONDS LINE         for each line of its standard output and error, since its start
//   SECONDS exit STATUS  at its end; 128 + signal number when a signal ended it
// All is printed at the end: nothing is written to a slow console while the command runs.
// Exit status: the command's.

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

namespace {

double seconds_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

class Lines {
 public:
  explicit Lines(double start) : start_(start) {}

  void feed(const char* text, std::size_t length) {
    const double seconds = seconds_now() - start_;
    for (std::size_t i = 0; i < length; ++i) {
      if (text[i] == '\n') {
        lines_.emplace_back(seconds, std::exchange(pending_, {}));
      } else {
        pending_ += text[i];
      }
    }
  }
  void print() const {
    for (const auto& [seconds, line] : lines_) std::printf("%.6f %s\n", seconds, line.c_str());
    if (!pending_.empty()) std::printf("%s\n", pending_.c_str());
  }

 private:
  double start_;
  std::string pending_;
  std::vector<std::pair<double, std::string>> lines_;
};

}  // namespace

int main(int argc, char** argv) {
  std::array<int, 2> ends{};
  if (argc < 2 || pipe(ends.data()) != 0) {
    std::fprintf(stderr, "usage: lw-stamp COMMAND [ARGUMENT]...\n");
    return 2;
  }
  const double start = seconds_now();
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    execvp(argv[1], argv + 1);
    std::perror(argv[1]);
    _exit(127);
  }
  close(ends[1]);
  Lines lines(start);
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = read(ends[0], buffer.data(), buffer.size());
    if (got <= 0) break;
    lines.feed(buffer.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  waitpid(child, &status, 0);
  const double end = seconds_now() - start;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  lines.print();
  std::printf("%.6f exit %d\n", end, code);
  return code;
}
