#include "storage/reserve/disk.h"

#include <fmt/format.h>
#include <scsi/sg_unaligned.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>

#include "proto/printable.h"
#include "storage/block/io_error.h"
#include "storage/block/sysfs_attribute.h"
#include "storage/reserve/pass_through_device.h"
#include "storage/reserve/sg_lun.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSysfsSectorBytes = 512;  // whatever the disk's own block size

// Unit serial number page, SPC-4 7.8.17: page code, length, text.
std::string read_serial(const fs::path& device) {
  const std::string page = read_raw_attribute(device / "vpd_pg80");
  constexpr std::size_t kHeaderBytes = 4;
  if (page.size() <= kHeaderBytes || page[1] != '\x80') return read_attribute(device / "wwid");
  const std::size_t length = sg_get_unaligned_be16(&page[2]);
  std::string serial = page.substr(kHeaderBytes, length);
  std::erase_if(serial, [](char c) { return c <= ' ' || c > '~'; });
  return serial;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_scsi_disk(const fs::path& block) {
  return read_attribute(block / "device" / "type") == "0";
}

// True for an empty slot of a card reader, and for a virtual drive of a management controller. A
// disk that is not removable and has size 0 is sick: it is listed.
bool has_no_medium(const fs::path& block) {
  return read_attribute(block / "removable") == "1" && read_attribute(block / "size") == "0";
}

// Vendor and model have 24 bytes (SPC-4 6.4.2). A serial number is as long as its device likes; the
// plan of three candidates must fit a block.
constexpr std::size_t kMaxDescription = 128;

DiskInfo info_of(const fs::path& block, std::string path) {
  const fs::path device = block / "device";
  std::string description;
  for (const std::string& part :
       {read_attribute(device / "vendor"), read_attribute(device / "model"), read_serial(device)}) {
    if (part.empty()) continue;
    if (!description.empty()) description += ' ';
    description += part;
  }
  return {
      .path = std::move(path),
      .description = std::string(printable<kMaxDescription>(description).view()),
      .size_bytes = parse_number(read_attribute(block / "size")).value_or(0) * kSysfsSectorBytes};
}

Error not_a_scsi_disk(const std::string& path, std::string_view why) {
  return {.code = Code::kRefused, .operation = "open", .disk = path, .detail = why};
}

}  // namespace

Result<std::vector<DiskInfo>> list_scsi_disks(const SystemRoots& roots,
                                              const std::set<std::string>& known) {
  const fs::path directory = fs::path(roots.sys) / "block";
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename();
    if (!known.contains(roots.dev + "/" + name) && is_scsi_disk(entry->path()) &&
        !has_no_medium(entry->path())) {
      names.push_back(std::move(name));
    }
  }
  if (error) return fail(io_error("list disks", directory.string(), kNoOffset, error.value()));
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  std::vector<DiskInfo> disks;
  disks.reserve(names.size());
  for (const std::string& name : names) {
    disks.push_back(info_of(directory / name, roots.dev + "/" + name));
  }
  return disks;
}

Result<DiskInfo> stat_disk(const std::string& path, const SystemRoots& roots) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    Error error = io_error("open", path, kNoOffset, errno);
    if (errno == ENOENT) {
      error.code = Code::kNotFound;  // not a disk that vanished
      error.detail = {};
    }
    return fail(error);
  }
  if (S_ISREG(status.st_mode)) {
    return DiskInfo{.path = path,
                    .description = "image file",
                    .size_bytes = static_cast<std::uint64_t>(status.st_size),
                    .is_image = true};
  }
  if (!S_ISBLK(status.st_mode)) {
    return fail(not_a_scsi_disk(path, "neither a disk nor an image file"));
  }
  const fs::path link = fs::path(roots.sys) / "dev" / "block" /
                        fmt::format("{}:{}", major(status.st_rdev), minor(status.st_rdev));
  std::error_code error;
  const fs::path block = fs::canonical(link, error);
  if (error) return fail(io_error("open", path, kNoOffset, error.value()));
  if (fs::exists(block / "partition", error)) {
    return fail(not_a_scsi_disk(path, "a partition; name the whole disk"));
  }
  if (!is_scsi_disk(block)) {
    return fail(not_a_scsi_disk(path, "not a SCSI disk: it has no persistent reservations"));
  }
  return info_of(block, roots.dev + "/" + block.filename().string());
}

std::vector<std::string> loop_devices_on(const std::string& image, const SystemRoots& roots) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator entry(fs::path(roots.sys) / "block", error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string backing = read_attribute(entry->path() / "loop" / "backing_file");
    std::error_code unreadable;
    if (!backing.empty() && fs::equivalent(backing, image, unreadable)) {
      found.push_back(entry->path().filename());
    }
  }
  return found;
}

Result<OpenDisk> open_disk(const std::string& path, Access access,
                           std::chrono::milliseconds io_timeout) {
  const Result<DiskInfo> info = stat_disk(path);
  if (!info) return fail(info.error());
  return open_disk(*info, access, io_timeout);
}

Result<OpenDisk> open_disk(const DiskInfo& info, Access access,
                           std::chrono::milliseconds io_timeout) {
  OpenDisk disk{.info = info, .device = nullptr, .lun = nullptr};
  auto device = LinuxBlockDevice::open(disk.info.path, access);
  if (!device) return fail(device.error());
  disk.fd = (*device)->fd();
  disk.turn = DiskTurn::of(disk.fd);
  (*device)->use(disk.turn);
  disk.device = std::move(*device);
  if (!disk.info.is_image) {
    auto lun = SgLun::open(disk.info.path, io_timeout);
    if (!lun) return fail(lun.error());
    disk.lun = std::move(*lun);
  }
  return disk;
}

Result<OpenDisk> open_disk_quietly(const DiskInfo& info, std::chrono::milliseconds io_timeout) {
  if (info.is_image) return open_disk(info, Access::kReadWrite, io_timeout);
  auto device = PassThroughDevice::open(info.path, io_timeout);
  if (!device) return fail(device.error());
  auto lun = SgLun::open(info.path, io_timeout);
  if (!lun) return fail(lun.error());
  const int fd = (*device)->fd();
  return OpenDisk{.info = info,
                  .device = std::move(*device),
                  .lun = std::move(*lun),
                  .fd = fd,
                  .turn = DiskTurn::of(fd)};
}

}  // namespace lastword
