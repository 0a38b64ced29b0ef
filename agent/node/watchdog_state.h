// What the kernel says of a watchdog, from sysfs: opening the device would arm it.
#pragma once

#include <string>
#include <vector>

namespace lastword {

// Why this device does not count, for people; empty: it does, or the kernel does not tell.
// `sysfs`: tests have another one.
[[nodiscard]] std::string why_watchdog_is_idle(const std::string& device,
                                               const std::string& sysfs = "/sys");

// The modules of the hardware's drivers, as modprobe names them: of this watchdog, and of each that
// some program has armed (systemd's RuntimeWatchdogSec=). Drivers of the devices above come first:
// a driver of the bus may be what makes the watchdog's device (i2c_i801 or lpc_ich that of
// iTCO_wdt). None: parts of the kernel, no hardware (softdog), or not there.
[[nodiscard]] std::vector<std::string> watchdog_modules(const std::string& device,
                                                        const std::string& sysfs = "/sys");

}  // namespace lastword
