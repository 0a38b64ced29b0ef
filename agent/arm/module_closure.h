// Which kernel modules the capture image needs to reach the candidates' disks, in load order.
#pragma once

#include <string>
#include <vector>

#include "proto/error.h"

namespace lastword {

// Names of the modules whose drivers serve a disk ("sda") and everything above it up to its bus,
// nearest first, from the driver links below `sysfs` ("/sys"). Drivers that are built into the
// kernel have no module and are left out. kUnsupported when no hardware driver is found above the
// disk: it is reached by software that a capture image does not bring up (iSCSI, for one).
[[nodiscard]] Result<std::vector<std::string>> driver_modules_of(const std::string& sysfs,
                                                                 const std::string& disk);

// The modules with everything they depend on, dependencies first, as paths below
// `modules_directory` ("/lib/modules/RELEASE"). Soft dependencies ("pre:") come along where they
// exist. What is built in is left out. kNotFound names the module that is neither.
[[nodiscard]] Result<std::vector<std::string>> close_modules(const std::string& modules_directory,
                                                             const std::vector<std::string>& names);

}  // namespace lastword
