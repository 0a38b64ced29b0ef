#include "agent/disks/udev_rest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "agent/base/child_process.h"
#include "storage/block/file_descriptor.h"
#include "storage/block/sysfs_attribute.h"
#include "storage/tables/disk_parts.h"
#include "storage/tables/partition_table.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;

// udevadm ends by itself at its own time-out.
constexpr milliseconds kForUdevadm{1000};

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Status settle(const UdevPlace& place) {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.emplace_back(*variable);
  }
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(place.patience);
  const auto end =
      run_child({.command = {place.udevadm, "settle", fmt::format("--timeout={}", seconds.count())},
                 .environment = std::move(environment),
                 .timeout = place.patience + kForUdevadm,
                 .grace = kForUdevadm});
  if (!end) return fail(end.error());
  if (end->how == ChildEnd::How::kItself && end->wait_status == 0) return {};
  return fail({.code = Code::kTimeout,
               .operation = "wait for udev",
               .detail = fmt::format("still at work after {} s: partitions and links below "
                                     "/dev/disk may come and go under the hook",
                                     seconds.count())});
}

// What no table tells of, or no kernel knows, is for others to judge (stale_cache.h).
Status find_partitions(const std::string& disk) {
  const FileDescriptor fd(::open(disk.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return {};
  const auto table = read_gpt(fd.get(), disk);
  if (!table) return {};
  const auto parts = parts_of(device_of(disk), "");
  std::size_t there = 0;
  for (const DiskPart& part : parts) {
    if (exists(fs::path(disk).parent_path() / part.name)) ++there;
  }
  if (there >= table->partitions.size() + 1) return {};
  return fail({.code = Code::kNotFound,
               .operation = "look for the partitions",
               .disk = disk,
               .detail = fmt::format("the table has {}, {} are there; `blockdev --rereadpt`",
                                     table->partitions.size(), there == 0 ? 0 : there - 1)});
}

}  // namespace

std::uint64_t count_uevents(const UdevPlace& place) {
  return std::strtoull(read_attribute(place.root + "/sys/kernel/uevent_seqnum").c_str(), nullptr,
                       10);
}

Status wait_for_partitions(const std::vector<std::string>& disks, std::uint64_t uevents_before,
                           const UdevPlace& place) {
  if (!exists(place.root + "/run/udev/control")) return {};
  const bool at_rest = !exists(place.root + "/run/udev/queue");
  if (at_rest && count_uevents(place) == uevents_before) return {};
  if (Status status = settle(place); !status) return status;
  for (const std::string& disk : disks) {
    if (Status status = find_partitions(disk); !status) return status;
  }
  return {};
}

}  // namespace lastword
