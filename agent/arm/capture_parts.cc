#include "agent/arm/capture_parts.h"

#include <filesystem>

#include "agent/arm/crash_kernel.h"
#include "agent/node/watchdog_state.h"

namespace lastword {

Result<CaptureKernel> find_capture_kernel(const Config& config) {
  CaptureKernel kernel{.path = config.capture_kernel};
  if (kernel.path.empty()) kernel.path = "/boot/vmlinuz-" + running_release();
  auto release = kernel_release_of(kernel.path);
  if (!release) return fail(release.error());
  kernel.release = std::move(*release);
  return kernel;
}

Result<std::vector<KernelModule>> modules_for(const Config& config, const Survey& survey,
                                              const std::vector<std::size_t>& disks,
                                              const std::string& release) {
  std::vector<std::string> names;
  for (const std::size_t disk : disks) {
    const std::string name =
        std::filesystem::path(survey.disks[disk].info.path).filename().string();
    const auto drivers = driver_modules_of("/sys", name);
    if (!drivers) return fail(drivers.error());
    names.insert(names.end(), drivers->begin(), drivers->end());
  }
  // Of the disk itself; it may be built in here and a module in the capture kernel.
  names.push_back("sd_mod");
  names.insert(names.end(), config.extra_modules.begin(), config.extra_modules.end());
  // A watchdog goes on counting while the dump is written, unless its driver stops or pings it.
  const auto drivers = watchdog_modules(config.watchdog_device);
  names.insert(names.end(), drivers.begin(), drivers.end());
  return close_modules("/lib/modules/" + release, names);
}

}  // namespace lastword
