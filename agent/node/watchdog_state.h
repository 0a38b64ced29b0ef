// What the kernel says of a watchdog, from sysfs: opening the device would arm it.
#pragma once

#include <string>

namespace lastword {

// Why this device does not count, for people; empty: it does, or the kernel does not tell.
// `sysfs`: tests have another one.
[[nodiscard]] std::string why_watchdog_is_idle(const std::string& device,
                                               const std::string& sysfs = "/sys");

// The module of its hardware's driver, as modprobe names it. Empty: it is a part of the kernel, or
// no hardware (softdog), or not there.
[[nodiscard]] std::string watchdog_module(const std::string& device,
                                          const std::string& sysfs = "/sys");

}  // namespace lastword
