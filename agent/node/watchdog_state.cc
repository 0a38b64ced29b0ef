#include "agent/node/watchdog_state.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>

#include "agent/base/text_file.h"

namespace lastword {
namespace {

// Empty: there is no such device.
std::string folder_of_watchdog(const std::string& device, const std::string& sysfs) {
  struct stat status {};
  if (::stat(device.c_str(), &status) != 0 || !S_ISCHR(status.st_mode)) return "";
  const unsigned major_number = major(status.st_rdev);
  const unsigned minor_number = minor(status.st_rdev);
  // Linux include/linux/miscdevice.h: MISC_MAJOR, WATCHDOG_MINOR; another name of the first one.
  if (major_number == 10 && minor_number == 130) return sysfs + "/class/watchdog/watchdog0";
  return fmt::format("{}/dev/char/{}:{}", sysfs, major_number, minor_number);
}

}  // namespace

std::string why_watchdog_is_idle(const std::string& device, const std::string& sysfs) {
  const std::string folder = folder_of_watchdog(device, sysfs);
  if (folder.empty()) return "there is no such device: load the module of the watchdog, or softdog";
  const auto state = read_text_file(folder + "/state");
  if (state && state->starts_with("inactive")) return "no program has armed it";
  return "";
}

std::string watchdog_module(const std::string& device, const std::string& sysfs) {
  const std::string folder = folder_of_watchdog(device, sysfs);
  if (folder.empty()) return "";
  std::error_code none;
  const auto module =
      std::filesystem::read_symlink(folder + "/device/driver/module", none).filename();
  return none ? "" : module.string();
}

}  // namespace lastword
