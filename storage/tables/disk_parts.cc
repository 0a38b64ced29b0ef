#include "storage/tables/disk_parts.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <set>

#include "storage/block/sysfs_attribute.h"

namespace lastword {

namespace fs = std::filesystem;

std::vector<DiskPart> parts_of(const std::string& device, const std::string& root) {
  std::error_code ignored;
  const fs::path disk = fs::canonical(root + "/sys/dev/block/" + device, ignored);
  if (ignored) return {{.device = device, .name = device, .sysfs = {}}};
  std::vector<DiskPart> parts{{.device = device, .name = disk.filename(), .sysfs = disk}};
  for (const auto& entry : fs::directory_iterator(disk, ignored)) {
    // Most of what lies there is attributes of the disk itself.
    if (!entry.path().filename().string().starts_with(parts.front().name)) continue;
    if (!fs::exists(entry.path() / "partition", ignored)) continue;
    parts.push_back({.device = read_attribute(entry.path() / "dev"),
                     .name = entry.path().filename(),
                     .sysfs = entry.path()});
  }
  std::sort(parts.begin() + 1, parts.end(),
            [](const DiskPart& a, const DiskPart& b) { return a.name < b.name; });
  return parts;
}

namespace {

void add_disks_below(const fs::path& device, std::set<std::string>& disks) {
  std::error_code ignored;
  bool lies_on_others = false;
  for (const auto& below : fs::directory_iterator(device / "slaves", ignored)) {
    const fs::path real = fs::canonical(below.path(), ignored);
    if (ignored) continue;
    lies_on_others = true;
    add_disks_below(real, disks);
  }
  if (lies_on_others) return;
  const bool partition = fs::exists(device / "partition", ignored);
  disks.insert("/dev/" + (partition ? device.parent_path() : device).filename().string());
}

}  // namespace

std::vector<std::string> disks_below(const std::string& device, const std::string& root) {
  std::error_code code;
  const fs::path place = fs::canonical(root + "/sys/dev/block/" + device, code);
  std::set<std::string> disks;
  if (!code) add_disks_below(place, disks);
  return {disks.begin(), disks.end()};
}

// "major:minor" of a device node; empty for anything else.
std::string device_of(const std::string& node) {
  struct stat info {};
  if (stat(node.c_str(), &info) != 0 || !S_ISBLK(info.st_mode)) return {};
  return fmt::format("{}:{}", major(info.st_rdev), minor(info.st_rdev));
}

}  // namespace lastword
