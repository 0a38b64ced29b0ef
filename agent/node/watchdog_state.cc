#include "agent/node/watchdog_state.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>
#include <ranges>

#include "agent/base/text_file.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;

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

// From the root of the devices down to the watchdog's own.
void add_drivers(const fs::path& watchdog, const std::string& sysfs,
                 std::vector<std::string>& names) {
  std::error_code none;
  const fs::path root = fs::canonical(sysfs, none);
  if (none) return;
  std::vector<std::string> upwards;
  for (fs::path at = fs::canonical(watchdog / "device", none);
       !none && at != root && at.has_relative_path(); at = at.parent_path()) {
    std::error_code built_in;
    const fs::path module = fs::read_symlink(at / "driver" / "module", built_in);
    if (!built_in) upwards.push_back(module.filename());
  }
  for (const std::string& name : upwards | std::views::reverse) {
    if (std::ranges::count(names, name) == 0) names.push_back(name);
  }
}

}  // namespace

std::string why_watchdog_is_idle(const std::string& device, const std::string& sysfs) {
  const std::string folder = folder_of_watchdog(device, sysfs);
  if (folder.empty()) return "there is no such device: load the module of the watchdog, or softdog";
  const auto state = read_text_file(folder + "/state");
  if (state && state->starts_with("inactive")) return "no program has armed it";
  return "";
}

std::vector<std::string> watchdog_modules(const std::string& device, const std::string& sysfs) {
  std::vector<std::string> names;
  if (const std::string folder = folder_of_watchdog(device, sysfs); !folder.empty()) {
    add_drivers(folder, sysfs, names);
  }
  std::error_code none;
  for (fs::directory_iterator entry(sysfs + "/class/watchdog", none), end; !none && entry != end;
       entry.increment(none)) {
    const auto state = read_text_file(entry->path().string() + "/state");
    if (state && state->starts_with("active")) add_drivers(entry->path(), sysfs, names);
  }
  return names;
}

}  // namespace lastword
