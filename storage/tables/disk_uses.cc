// The running system's claims on a disk; declared in storage/tables/signatures.h.
#include <fcntl.h>
#include <fmt/format.h>
#include <libmount/libmount.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "storage/block/io_error.h"
#include "storage/block/sysfs_attribute.h"
#include "storage/tables/disk_parts.h"
#include "storage/tables/signatures.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;

const DiskPart* find_part(const std::vector<DiskPart>& parts, const std::string& device) {
  const auto it = std::find_if(parts.begin(), parts.end(),
                               [&](const DiskPart& part) { return part.device == device; });
  return it == parts.end() ? nullptr : &*it;
}

struct FreeTable {
  void operator()(libmnt_table* table) const { mnt_unref_table(table); }
};
using Table = std::unique_ptr<libmnt_table, FreeTable>;

// Calls `visit` for each line; none where the file cannot be read.
template <class Visit>
void for_each_line(libmnt_table* table, const Visit& visit) {
  libmnt_iter* const at = mnt_new_iter(MNT_ITER_FORWARD);
  libmnt_fs* line = nullptr;
  while (at != nullptr && mnt_table_next_fs(table, at, &line) == 0) visit(line);
  mnt_free_iter(at);
}

void find_mounts(const std::vector<DiskPart>& parts, const std::string& root,
                 std::vector<KernelUse>& uses) {
  const Table mounts(mnt_new_table());
  (void)mnt_table_parse_file(mounts.get(), (root + "/proc/self/mountinfo").c_str());
  for_each_line(mounts.get(), [&](libmnt_fs* line) {
    const dev_t device = mnt_fs_get_devno(line);
    const DiskPart* part = find_part(parts, fmt::format("{}:{}", major(device), minor(device)));
    // btrfs mounts carry an anonymous device number; the source tells.
    if (const char* source = mnt_fs_get_source(line); part == nullptr && source != nullptr) {
      part = find_part(parts, device_of(source));
    }
    if (part == nullptr) return;
    uses.push_back(
        {.device = part->device,
         .what = fmt::format("{} is mounted on {}", part->name, mnt_fs_get_target(line))});
  });
}

void find_swaps(const std::vector<DiskPart>& parts, const std::string& root,
                std::vector<KernelUse>& uses) {
  const Table swaps(mnt_new_table());
  (void)mnt_table_parse_swaps(swaps.get(), (root + "/proc/swaps").c_str());
  for_each_line(swaps.get(), [&](libmnt_fs* line) {
    const char* const source = mnt_fs_get_source(line);
    const DiskPart* part = source != nullptr ? find_part(parts, device_of(source)) : nullptr;
    if (part == nullptr) return;
    uses.push_back(
        {.device = part->device, .what = fmt::format("{} is swap space in use", part->name)});
  });
}

void find_holders(const std::vector<DiskPart>& parts, std::vector<KernelUse>& uses) {
  for (const DiskPart& part : parts) {
    std::error_code ignored;
    for (const auto& holder : fs::directory_iterator(part.sysfs / "holders", ignored)) {
      const std::string mapped = read_attribute(holder.path() / "dm/name");
      uses.push_back(
          {.device = part.device,
           .what = fmt::format("{} is held by {}{}", part.name, holder.path().filename().string(),
                               mapped.empty() ? "" : fmt::format(" ({})", mapped))});
    }
  }
}

}  // namespace

Result<FileDescriptor> open_for_tables(const std::string& path, Access access) {
  const bool is_disk = !device_of(path).empty();
  // O_EXCL means something for block devices only.
  const int flags = access == Access::kReadOnly ? O_RDONLY : O_RDWR | (is_disk ? O_EXCL : 0);
  FileDescriptor fd(open(path.c_str(), flags | O_CLOEXEC));
  if (!fd.valid()) {
    return fail({.code = errno == EBUSY ? Code::kRefused : code_of_errno(errno),
                 .sys_errno = errno,
                 .operation = "open",
                 .disk = path});
  }
  if (is_disk) (void)ioctl(fd.get(), BLKFLSBUF, 0);
  return fd;
}

std::vector<KernelUse> find_kernel_uses(const std::vector<DiskPart>& parts,
                                        const std::string& root) {
  std::vector<KernelUse> uses;
  if (parts.empty()) return uses;
  find_mounts(parts, root, uses);
  find_swaps(parts, root, uses);
  find_holders(parts, uses);
  return uses;
}

std::vector<std::string> find_kernel_uses(const std::string& device, const std::string& root) {
  std::vector<std::string> phrases;
  for (KernelUse& use : find_kernel_uses(parts_of(device, root), root)) {
    phrases.push_back(std::move(use.what));
  }
  return phrases;
}

// Whoever claims a partition claims the whole disk with it (bd_finish_claiming, Linux
// block/bdev.c). Closing a descriptor for reading is no event for udev.
Result<bool> is_claimed(const std::string& path) {
  if (device_of(path).empty()) return false;
  const FileDescriptor exclusive(open(path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
  if (exclusive.valid()) return false;
  if (errno == EBUSY) return true;
  return fail(io_error("open exclusively", path, kNoOffset, errno));
}

Result<std::vector<std::string>> find_uses(const std::string& path) {
  const std::string device = device_of(path);
  std::vector<std::string> uses;
  if (device.empty()) {
    for (const std::string& loop : loop_devices_on(path)) uses.push_back("it backs " + loop);
    return uses;
  }
  uses = find_kernel_uses(device, "");
  const auto claimed = is_claimed(path);
  if (!claimed) return fail(claimed.error());
  if (*claimed && uses.empty()) uses.emplace_back("another program or the kernel holds it");
  return uses;
}

}  // namespace lastword
