// What goes into a capture image beside the plan and the dump writer: which kernel is started after
// a panic, and the modules with which it reaches the disks.
#pragma once

#include <string>
#include <vector>

#include "agent/arm/module_closure.h"
#include "agent/protocol/config.h"
#include "agent/protocol/disk_view.h"

namespace lastword {

struct CaptureKernel {
  std::string path;     // /boot/vmlinuz-RELEASE, or what the configuration says
  std::string release;  // its own, which names the modules' directory
};
// Errors are those of kernel_release_of().
[[nodiscard]] Result<CaptureKernel> find_capture_kernel(const Config& config);

// The modules that reach the disks (indices into the survey), in load order, with those that the
// configuration adds. kUnsupported: a disk is reached by software that a capture image does not
// bring up. kNotFound: a disk is gone, or a module is not installed. kIo: module configuration
// cannot be read.
[[nodiscard]] Result<std::vector<KernelModule>> modules_for(const Config& config,
                                                            const Survey& survey,
                                                            const std::vector<std::size_t>& disks,
                                                            const std::string& release);

}  // namespace lastword
