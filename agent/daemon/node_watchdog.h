// The node's own watchdog ([watchdog] device): resets the node when its agent has died and stays
// dead, before the partner's silence time is over.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "agent/node/event.h"
#include "agent/protocol/config.h"
#include "proto/error.h"

namespace lastword {

// A watchdog of the kernel, open and counting: Linux Documentation/watchdog/watchdog-api.rst.
// Closing it without disarm() leaves it counting.
class WatchdogDevice {
 public:
  virtual ~WatchdogDevice() = default;
  // Returns what the device has made of it.
  [[nodiscard]] virtual Result<std::chrono::seconds> set_timeout(std::chrono::seconds timeout) = 0;
  [[nodiscard]] virtual Status ping() = 0;
  // It counts no more, and is closed. kRefused: it goes on counting, and is open.
  [[nodiscard]] virtual Status disarm() = 0;
};
// It counts from here on. kNotFound: there is none. kRefused: another program has it.
using OpenWatchdog =
    std::function<Result<std::unique_ptr<WatchdogDevice>>(const std::string& path)>;
[[nodiscard]] Result<std::unique_ptr<WatchdogDevice>> open_watchdog(const std::string& path);

class NodeWatchdog {
 public:
  // Arms the device of the configuration, if it names one, with Timing::watchdog_timeout(). Events:
  // watchdog-armed; watchdog-not-armed: the agent goes on without.
  NodeWatchdog(const Config& config, EventSink events, const OpenWatchdog& open = open_watchdog);

  // The agent's loop turns: call it as often as kPollInterval.
  void turn(Instant now);
  // The agent ends in order. Event watchdog-not-disarmed: the device counts all the same.
  void disarm();

 private:
  void arm(const Timing& timing, Result<std::unique_ptr<WatchdogDevice>> device);
  void tell(std::string name, std::string detail) const;

  EventSink events_;
  std::string path_;
  std::unique_ptr<WatchdogDevice> device_;  // null: none is armed
  Instant next_{};
  bool told_ = false;
};

}  // namespace lastword
