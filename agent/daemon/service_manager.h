// Tells the service manager how the agent is, by the protocol of sd_notify(3): a datagram of
// assignments, to the socket that the environment names. Its few lines need no library.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "agent/base/executor.h"
#include "agent/node/event.h"

namespace lastword {

// What an event says of the agent's state, in one line; empty: nothing new.
[[nodiscard]] std::string status_after(const Event& event);

class ServiceManager {
 public:
  // Sends one datagram; may fail, which costs nothing but that.
  using Send = std::function<void(const std::string& message)>;

  // `watchdog`: the service manager ends the agent when turn() was not called for so long. The
  // executor outlives this.
  ServiceManager(Send send, std::optional<milliseconds> watchdog, const Executor& executor)
      : send_(std::move(send)), watchdog_(watchdog), executor_(executor) {}

  // The agent's loop turns: call it as often as kPollInterval.
  void turn();
  // Passes events on. The first that says something of the agent's state means that it watches, or
  // waits for its start, or has a takeover to do: it is ready then. This outlives the result.
  [[nodiscard]] EventSink sink(EventSink events);
  void stopping() const { send_("STOPPING=1"); }

 private:
  Send send_;
  std::optional<milliseconds> watchdog_;
  const Executor& executor_;
  std::optional<Instant> last_;
};

// That of this process, by NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; says nothing where they
// are not set. Takes them out of the environment, so that no hook speaks for the agent: call it
// before there are threads.
[[nodiscard]] ServiceManager service_manager_of_this_process(const Executor& executor);

}  // namespace lastword
