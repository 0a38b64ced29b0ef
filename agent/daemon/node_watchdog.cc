#include "agent/daemon/node_watchdog.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/watchdog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "storage/block/file_descriptor.h"

namespace lastword {
namespace {

using std::chrono::seconds;

// Far more often than any time-out, and rarely enough to cost nothing.
constexpr milliseconds kBetweenPings{500};

Error failed_on(const std::string& path, const char* operation) {
  return {.code = Code::kIo, .sys_errno = errno, .operation = operation, .disk = path};
}

class KernelWatchdog final : public WatchdogDevice {
 public:
  KernelWatchdog(std::string path, FileDescriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}

  Result<seconds> set_timeout(seconds timeout) override {
    int value = static_cast<int>(timeout.count());
    if (::ioctl(file_.get(), WDIOC_SETTIMEOUT, &value) == 0) return seconds(value);
    // Some count a time of their own.
    if (::ioctl(file_.get(), WDIOC_GETTIMEOUT, &value) == 0) return seconds(value);
    return fail(failed_on(path_, "set the time-out of the watchdog"));
  }
  Status ping() override {
    if (::ioctl(file_.get(), WDIOC_KEEPALIVE, 0) == 0) return {};
    return fail(failed_on(path_, "ping the watchdog"));
  }
  Status disarm() override {
    int stop = WDIOS_DISABLECARD;
    // Where the driver knows no such order, closing stops it.
    if (::ioctl(file_.get(), WDIOC_SETOPTIONS, &stop) != 0 && errno == EBUSY) {
      return fail({.code = Code::kRefused,
                   .sys_errno = errno,
                   .operation = "disarm the watchdog",
                   .disk = path_,
                   .detail = "its module was loaded with nowayout"});
    }
    // The magic close: without it, closing means that the agent has died.
    if (::write(file_.get(), "V", 1) != 1) return fail(failed_on(path_, "disarm the watchdog"));
    file_.reset();
    return {};
  }

 private:
  std::string path_;
  FileDescriptor file_;
};

}  // namespace

Result<std::unique_ptr<WatchdogDevice>> open_watchdog(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.valid()) {
    struct watchdog_info info {};
    const bool known = ::ioctl(file.get(), WDIOC_GETSUPPORT, &info) == 0;
    if (known && (info.options & WDIOF_MAGICCLOSE) != 0) {
      return std::make_unique<KernelWatchdog>(path, std::move(file));
    }
    return fail({.code = Code::kRefused,
                 .operation = "open the watchdog",
                 .disk = path,
                 .detail = "the kernel would stop it when the agent dies: no magic close"});
  }
  Error error = failed_on(path, "open the watchdog");
  if (errno == ENOENT || errno == ENODEV || errno == ENXIO) {
    error.code = Code::kNotFound;
    error.detail = "load the module of the machine's watchdog, or softdog";
  }
  if (errno == EBUSY) {
    error.code = Code::kRefused;
    error.detail = "another program has it: systemd (RuntimeWatchdogSec=), or a watchdog daemon";
  }
  return fail(error);
}

NodeWatchdog::NodeWatchdog(const Config& config, EventSink events, const OpenWatchdog& open)
    : events_(std::move(events)), path_(config.watchdog_device) {
  if (!path_.empty()) arm(config.timing, open(path_));
}

void NodeWatchdog::arm(const Timing& timing, Result<std::unique_ptr<WatchdogDevice>> device) {
  if (!device) return tell("watchdog-not-armed", describe(device.error()));
  const seconds wanted = timing.watchdog_timeout();
  const auto got = (*device)->set_timeout(wanted);
  if (got && *got <= wanted && *got >= kShortestWatchdog) {
    device_ = std::move(*device);
    return tell("watchdog-armed",
                fmt::format("{} resets this node {} s after its agent has died, unless another "
                            "one runs by then",
                            path_, got->count()));
  }
  std::string why =
      got ? fmt::format(
                "it takes {} s and no time-out from {} to {} s, which this node's times "
                "ask for",
                got->count(), kShortestWatchdog.count(), wanted.count())
          : describe(got.error());
  if (const Status disarmed = (*device)->disarm(); !disarmed) {
    // Given up, it would reset a healthy node.
    device_ = std::move(*device);
    why += "; it cannot be stopped, and is kept from running out as long as the agent runs";
  }
  tell("watchdog-not-armed", std::move(why));
}

void NodeWatchdog::turn(Instant now) {
  if (device_ == nullptr || now < next_) return;
  next_ = now + kBetweenPings;
  const Status pinged = device_->ping();
  if (pinged || std::exchange(told_, true)) return;
  tell("watchdog-problem", describe(pinged.error()));
}

void NodeWatchdog::disarm() {
  if (device_ == nullptr) return;
  const Status disarmed = std::exchange(device_, nullptr)->disarm();
  if (disarmed) return;
  tell("watchdog-not-disarmed",
       describe(disarmed.error()) + "; it resets this node unless the agent is started again");
}

void NodeWatchdog::tell(std::string name, std::string detail) const {
  events_({.name = std::move(name), .disk = {}, .detail = std::move(detail)});
}

}  // namespace lastword
