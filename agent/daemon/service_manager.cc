#include "agent/daemon/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "storage/block/file_descriptor.h"

namespace lastword {
namespace {

// What systemd and `status` show until the next one.
constexpr std::array kTellingEvents = std::to_array<std::string_view>({"watching",
                                                                       "waiting-for-start",
                                                                       "partner-heard",
                                                                       "partner-late",
                                                                       "partner-away",
                                                                       "partner-silent",
                                                                       "partner-panicked",
                                                                       "partner-left",
                                                                       "silence-not-acted-on",
                                                                       "takeover-resumed",
                                                                       "takeover-announced",
                                                                       "takeover-forced",
                                                                       "takeover-started",
                                                                       "takeover-held-back",
                                                                       "takeover-finished",
                                                                       "takeover-refused",
                                                                       "service-held-back",
                                                                       "service-taken",
                                                                       "service-returned",
                                                                       "giveback-started",
                                                                       "giveback-resumed",
                                                                       "giveback-held-back",
                                                                       "giveback-left-to-operator",
                                                                       "giveback-called-off",
                                                                       "giveback-finished",
                                                                       "disk-returned",
                                                                       "not-armed",
                                                                       "both-wait",
                                                                       "handed-over",
                                                                       "handover-called-off",
                                                                       "state-lost",
                                                                       "fenced"});

std::string taken_from_environment(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  (void)::unsetenv(name);
  return text;
}

std::optional<long long> number(const std::string& text) {
  long long value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end && value > 0 ? std::optional(value) : std::nullopt;
}

// sd_notify(3): an absolute path, or "@" and the name of an abstract socket.
ServiceManager::Send sender_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool known = !path.empty() && (path[0] == '/' || path[0] == '@');
  if (!known || path.size() >= sizeof address.sun_path) return [](const std::string&) {};
  std::ranges::copy(path, address.sun_path);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const auto socket =
      std::make_shared<FileDescriptor>(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return [socket, address, length](const std::string& message) {
    // Whoever does not read must not hold up the agent.
    (void)::sendto(socket->get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                   reinterpret_cast<const sockaddr*>(&address), length);
  };
}

}  // namespace

std::string status_after(const Event& event) {
  if (std::ranges::count(kTellingEvents, event.name) == 0) return "";
  std::string line = event.detail.empty() ? event.name : event.name + ": " + event.detail;
  // An assignment ends with its line.
  std::ranges::replace(line, '\n', ' ');
  return line;
}

void ServiceManager::turn() {
  if (!watchdog_) return;
  const Instant now = executor_.now();
  if (last_ && now - *last_ < *watchdog_ / 4) return;
  last_ = now;
  send_("WATCHDOG=1");
}

EventSink ServiceManager::sink(EventSink events) {
  return [this, events = std::move(events)](const Event& event) {
    events(event);
    // To be ready once more changes nothing.
    if (const std::string line = status_after(event); !line.empty()) {
      send_("READY=1\nSTATUS=" + line);
    }
  };
}

ServiceManager service_manager_of_this_process(const Executor& executor) {
  const std::string socket = taken_from_environment("NOTIFY_SOCKET");
  const auto microseconds = number(taken_from_environment("WATCHDOG_USEC"));
  const std::string process = taken_from_environment("WATCHDOG_PID");
  // Meant for another process, whose environment this one has inherited.
  const bool ours = process.empty() || number(process) == static_cast<long long>(::getpid());
  std::optional<milliseconds> watchdog;
  if (microseconds && ours) {
    watchdog = std::chrono::duration_cast<milliseconds>(std::chrono::microseconds(*microseconds));
  }
  return {sender_to(socket), watchdog, executor};
}

}  // namespace lastword
