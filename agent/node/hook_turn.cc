#include "agent/node/hook_turn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "agent/base/text_file.h"
#include "storage/block/file_descriptor.h"

namespace lastword {
namespace {

constexpr milliseconds kPause{20};
// From the note of a process that it has the turn until it has begun its hook.
constexpr milliseconds kBeginning{10'000};

// CLOCK_MONOTONIC: the same for all processes of a boot.
std::int64_t now_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<milliseconds>(now).count();
}

// proc(5), /proc/PID/stat: when it began, in ticks since boot; another process that gets its number
// later has another time. Absent: it is gone, or a zombie.
std::optional<std::uint64_t> began_at(pid_t process) {
  const auto text = read_text_file(fmt::format("/proc/{}/stat", process));
  if (!text) return std::nullopt;
  const std::size_t name_end = text->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text->substr(name_end + 1));
  std::string field;
  if (!(fields >> field) || field == "Z" || field == "X") return std::nullopt;
  constexpr int kFirstAfterState = 4;
  constexpr int kStartTime = 22;
  for (int number = kFirstAfterState; number < kStartTime; ++number) fields >> field;
  std::uint64_t ticks = 0;
  if (!(fields >> ticks)) return std::nullopt;
  return ticks;
}

struct AtWork {
  pid_t process = 0;  // the hook; or who is about to begin one
  std::uint64_t began = 0;
  std::int64_t ends_ms = 0;
  bool is_hook = false;
};

std::string to_string(const AtWork& one) {
  return fmt::format("{} {} {} {}\n", one.process, one.began, one.ends_ms,
                     one.is_hook ? "hook" : "caller");
}

std::optional<AtWork> parse(const std::string& text) {
  AtWork one;
  std::string kind;
  std::istringstream fields(text);
  if (!(fields >> one.process >> one.began >> one.ends_ms >> kind) || one.process <= 1) {
    return std::nullopt;
  }
  one.is_hook = kind == "hook";
  return one;
}

bool is_at_work(const AtWork& one) {
  return began_at(one.process) == one.began;
}

bool ends_within(const AtWork& one, milliseconds time) {
  for (const std::int64_t until = now_ms() + time.count(); is_at_work(one);) {
    if (now_ms() >= until) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

void end(const AtWork& hook, milliseconds grace) {
  (void)::kill(-hook.process, SIGTERM);
  (void)ends_within(hook, grace);
  // While the leader is there, or its zombie, the number of the group is its own.
  if (!is_at_work(hook)) return;
  (void)::kill(-hook.process, SIGKILL);
  (void)ends_within(hook, grace);
}

// Holds the file for the moment of a look. Not valid: it cannot be had.
FileDescriptor hold_note(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  constexpr int kTries = 100;  // who has it may stand still
  for (int tries = 0; file.valid() && ::flock(file.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (tries == kTries) return FileDescriptor();
    std::this_thread::sleep_for(kPause);
  }
  return file;
}

std::string read_from(const FileDescriptor& file) {
  std::array<char, 128> text{};
  const ssize_t count = ::pread(file.get(), text.data(), text.size(), 0);
  return {text.data(), static_cast<std::size_t>(count < 0 ? 0 : count)};
}

void write_to(const FileDescriptor& file, const std::string& text) {
  if (::ftruncate(file.get(), 0) != 0) return;
  (void)!::pwrite(file.get(), text.data(), text.size(), 0);
}

std::string note_of(pid_t process, milliseconds lasts, bool is_hook) {
  return to_string({.process = process,
                    .began = began_at(process).value_or(0),
                    .ends_ms = now_ms() + lasts.count(),
                    .is_hook = is_hook});
}

// This process is a hook of that turn, or one that it started.
bool has_it_already(HookTurn turn) {
  const char* const event = std::getenv("LASTWORD_EVENT");
  const auto known = event != nullptr ? hook_event(event) : std::nullopt;
  return known && known->turn == turn;
}

}  // namespace

NodeTurn::NodeTurn(const std::string& state_directory, HookTurn turn, milliseconds grace)
    : grace_(grace) {
  if (state_directory.empty() || turn == HookTurn::kOwn || has_it_already(turn)) return;
  if (!make_directory(state_directory)) return;
  path_ = state_directory + (turn == HookTurn::kService ? "/service-hook" : "/suspend-hook");
  for (;;) {
    std::optional<AtWork> other;
    {
      const FileDescriptor file = hold_note(path_);
      if (!file.valid()) return;
      other = parse(read_from(file));
      const bool is_over = other && !other->is_hook && now_ms() >= other->ends_ms;
      if (!other || is_over || !is_at_work(*other)) {
        noted_ = note_of(::getpid(), kBeginning, false);
        write_to(file, noted_);
        return;
      }
    }
    if (!other->is_hook || now_ms() < other->ends_ms) {
      std::this_thread::sleep_for(kPause);
      continue;
    }
    end(*other, grace_);
    // One that the kernel does not let go of is waited for no longer.
    const FileDescriptor file = hold_note(path_);
    if (file.valid() && read_from(file) == to_string(*other)) write_to(file, {});
  }
}

void NodeTurn::hook_began(pid_t hook, milliseconds timeout) {
  if (noted_.empty()) return;
  const FileDescriptor file = hold_note(path_);
  if (!file.valid() || read_from(file) != noted_) return;
  // Its own process ends it before that.
  noted_ = note_of(hook, timeout + 3 * grace_, true);
  write_to(file, noted_);
}

NodeTurn::~NodeTurn() {
  if (noted_.empty()) return;
  const FileDescriptor file = hold_note(path_);
  if (file.valid() && read_from(file) == noted_) write_to(file, {});
}

}  // namespace lastword
