#include "agent/cli/interruption.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>

namespace lastword {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};

struct Message {
  std::array<char, 1024> text;
  std::size_t bytes;
};
// The handler prints one of them while the other is written.
std::array<Message, 2> messages{};
std::atomic<const Message*> told = messages.data();
static_assert(std::atomic<const Message*>::is_always_lock_free);

extern "C" void tell_and_die(int number) {
  // Nobody who reads is no reason to live on.
  const Message& message = *told.load();
  (void)!::write(STDERR_FILENO, message.text.data(), message.bytes);
  (void)std::signal(number, SIG_DFL);
  (void)std::raise(number);  // pending until this handler returns
}

volatile std::sig_atomic_t stop_is_wanted = 0;

extern "C" void note_and_go_on(int number) {
  stop_is_wanted = 1;
  // A terminal that goes away says so twice: the shell to its jobs, and the kernel to the group.
  (void)std::signal(number, number == SIGHUP ? SIG_IGN : SIG_DFL);
}

void change_handler(void (*from)(int), void (*to)(int)) {
  for (const int number : kSignals) {
    struct sigaction current {};
    if (::sigaction(number, nullptr, &current) != 0 || current.sa_handler != from) continue;
    struct sigaction wanted {};
    wanted.sa_handler = to;
    wanted.sa_flags = SA_RESTART;
    (void)::sigaction(number, &wanted, nullptr);
  }
}

}  // namespace

Interruption::Interruption(const std::string& message) {
  tell(message);
  change_handler(SIG_DFL, tell_and_die);
}

void Interruption::tell(const std::string& message) {
  // Behind the ^C that the terminal shows, and behind a line of progress.
  const std::string line = (::isatty(STDERR_FILENO) == 1 ? "\n" : "") + ("lastword: " + message);
  Message& next = messages[told.load() == messages.data() ? 1 : 0];
  next.bytes = std::min(line.size(), next.text.size() - 1);
  std::memcpy(next.text.data(), line.data(), next.bytes);
  next.text[next.bytes++] = '\n';
  told = &next;
}

Interruption::~Interruption() {
  change_handler(tell_and_die, SIG_DFL);
}

StopRequest::StopRequest() {
  stop_is_wanted = 0;
  change_handler(SIG_DFL, note_and_go_on);
}

StopRequest::~StopRequest() {
  change_handler(note_and_go_on, SIG_DFL);
}

bool StopRequest::wanted() {
  return stop_is_wanted != 0;
}

}  // namespace lastword
