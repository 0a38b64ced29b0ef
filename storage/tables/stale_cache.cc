#include "storage/tables/stale_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <set>
#include <sstream>
#include <thread>

#include "storage/block/aligned_buffer.h"
#include "storage/block/file_descriptor.h"
#include "storage/block/io_error.h"
#include "storage/block/linux_block_device.h"
#include "storage/block/sysfs_attribute.h"
#include "storage/tables/discover.h"
#include "storage/tables/disk_parts.h"
#include "storage/tables/signatures.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;

// Unit of `start` and `size` in sysfs, whatever the disk's blocks are.
constexpr std::uint64_t kSysfsSectorBytes = 512;

constexpr int kRereadAttempts = 10;
constexpr std::chrono::milliseconds kRereadPause{100};

FileDescriptor open_cached(const std::string& node) {
  return FileDescriptor(::open(node.c_str(), O_RDONLY | O_CLOEXEC));
}

Status drop_buffers(const std::string& node, const FileDescriptor& cached) {
  if (!cached.valid() || ::ioctl(cached.get(), BLKFLSBUF, 0) != 0) {
    return fail(io_error("drop buffers", node, kNoOffset, errno));
  }
  return {};
}

std::uint64_t number_in(const fs::path& path) {
  const std::string line = read_attribute(path);
  return line.empty() ? 0 : std::strtoull(line.c_str(), nullptr, 10);
}

// By this node, of a whole disk or of a partition (Documentation/block/stat.rst, the seventh
// field).
std::uint64_t sectors_written(const DiskPart& part) {
  std::istringstream fields(read_attribute(part.sysfs / "stat"));
  std::uint64_t field = 0;
  for (int i = 0; i < 7; ++i) fields >> field;
  return field;
}

using Places = std::set<std::pair<std::uint64_t, std::uint64_t>>;  // offset, length

Places::value_type place_in_kernel(const DiskPart& part) {
  return {number_in(part.sysfs / "start") * kSysfsSectorBytes,
          number_in(part.sysfs / "size") * kSysfsSectorBytes};
}

Places places_known_to_the_kernel(const std::vector<DiskPart>& parts) {
  Places places;
  for (std::size_t i = 1; i < parts.size(); ++i) places.insert(place_in_kernel(parts[i]));
  return places;
}

// Whoever probes a partition holds it for a moment.
bool reread_table(int fd) {
  for (int attempt = 0; attempt < kRereadAttempts; ++attempt) {
    if (::ioctl(fd, BLKRRPART, 0) == 0) return true;
    if (errno != EBUSY) return false;
    std::this_thread::sleep_for(kRereadPause);
  }
  errno = EBUSY;
  return false;
}

// A table that the kernel knows already is left alone: reading it takes the partitions away for a
// moment.
Status renew_partitions(LinuxBlockDevice& disk, int cached, std::vector<DiskPart>& parts,
                        const std::string& device) {
  const auto listed = list_partitions(disk);
  if (!listed && listed.error().code == Code::kNotFound) return {};
  if (!listed) return fail(listed.error());
  Places wanted;
  for (const Partition& place : *listed) wanted.emplace(place.offset_bytes, place.length_bytes);
  if (wanted == places_known_to_the_kernel(parts)) return {};
  if (!reread_table(cached)) {
    return fail({.code = errno == EBUSY ? Code::kRefused : code_of_errno(errno),
                 .sys_errno = errno,
                 .operation = "read the partition table again",
                 .disk = disk.name(),
                 .detail = "this node knows other partitions than the disk has: stop what uses "
                           "them, then `blockdev --rereadpt`"});
  }
  parts = parts_of(device, "");
  return {};
}

bool read_block(int fd, std::uint64_t offset, const AlignedBuffer& into) {
  return ::pread(fd, into.span().data(), kBlockBytes, static_cast<off_t>(offset)) ==
         ssize_t{kBlockBytes};
}

// An agent, and each of its commands, reads records past the page cache, and keeps nothing of a
// disk.
constexpr std::string_view kOwnProgram = "lastword";

// `offset`: where `node` begins on the disk.
Status compare_reads(const std::string& node, int cached, const LinuxBlockDevice& disk,
                     std::uint64_t offset) {
  const AlignedBuffer buffered(kBlockBytes);
  const AlignedBuffer direct(kBlockBytes);
  (void)::posix_fadvise(cached, 0, 0, POSIX_FADV_RANDOM);  // one block, and nothing read ahead
  if (!read_block(cached, 0, buffered) || !read_block(disk.fd(), offset, direct)) {
    return fail(io_error("compare reads", node, 0, errno));
  }
  if (std::memcmp(buffered.span().data(), direct.span().data(), kBlockBytes) == 0) return {};
  return fail({.code = Code::kCorrupt,
               .operation = "compare reads",
               .disk = node,
               .offset = 0,
               .detail = "this node's page cache holds other content than the disk: a program has "
                         "it mapped"});
}

std::string node_of(const DiskPart& part, const std::string& disk) {
  return (fs::path(disk).parent_path() / part.name).string();
}

// udev may be about to make its node, or to take it away.
bool is_there(const DiskPart& part, const std::string& disk) {
  std::error_code ignored;
  return fs::exists(node_of(part, disk), ignored);
}

}  // namespace

Status drop_stale_cache(const DiskInfo& info) {
  if (info.is_image) return {};
  const auto disk = LinuxBlockDevice::open(info.path, Access::kReadOnly);  // past the cache
  if (!disk) return fail(disk.error());
  (*disk)->use(DiskTurn::of((*disk)->fd()));
  // All of it is done, whatever fails; the first error is told.
  Status result;
  const auto note = [&result](const Status& status) {
    if (result && !status) result = status;
  };
  const auto refresh = [&](const std::string& node, const FileDescriptor& cached,
                           std::uint64_t offset, std::uint64_t length) {
    note(drop_buffers(node, cached));
    if (length >= kBlockBytes) note(compare_reads(node, cached.get(), **disk, offset));
  };
  const FileDescriptor cached = open_cached(info.path);
  refresh(info.path, cached, 0, (*disk)->size_bytes());
  const std::string device = device_of(info.path);
  std::vector<DiskPart> parts = parts_of(device, "");
  note(renew_partitions(**disk, cached.get(), parts, device));
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (!is_there(parts[i], info.path)) continue;
    const std::string node = node_of(parts[i], info.path);
    const auto [offset, length] = place_in_kernel(parts[i]);
    refresh(node, open_cached(node), offset, length);
  }
  return result;
}

// The kernel tells of a failed write to whoever has the node open (errseq), not by the ioctl; and
// of one that succeeded to nobody, but counts it.
CacheChanges write_back_early(const DiskInfo& disk) {
  if (disk.is_image) return CacheChanges::kNone;
  const std::vector<DiskPart> parts = parts_of(device_of(disk.path), "");
  const std::uint64_t before = parts.empty() ? 0 : sectors_written(parts.front());
  CacheChanges changes = CacheChanges::kNone;
  for (const DiskPart& part : parts) {
    const FileDescriptor fd = open_cached(node_of(part, disk.path));
    if (!fd.valid() || ::ioctl(fd.get(), BLKFLSBUF, 0) != 0) continue;
    const bool written = ::sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WAIT_AFTER) == 0;
    if (!written) changes = CacheChanges::kRefused;
  }
  if (changes == CacheChanges::kNone && !parts.empty() && sectors_written(parts.front()) > before) {
    changes = CacheChanges::kWritten;
  }
  return changes;
}

Openers find_openers(const std::vector<std::string>& disks, const std::string& root) {
  std::map<std::string, std::vector<DiskPart>> parts;
  for (const std::string& disk : disks) {
    const std::string device = device_of(disk);
    if (!device.empty()) parts[disk] = parts_of(device, root);
  }
  return find_openers(parts, root);
}

Openers find_openers(const std::map<std::string, std::vector<DiskPart>>& disks,
                     const std::string& root) {
  std::map<std::string, std::string> disk_of;  // by "major:minor" of disk or partition
  std::vector<DiskPart> all;
  for (const auto& [disk, parts] : disks) {
    for (const DiskPart& part : parts) {
      disk_of[part.device] = disk;
      all.push_back(part);
    }
  }
  Openers openers;
  for (KernelUse& use : find_kernel_uses(all, root)) {
    openers[disk_of[use.device]].push_back(std::move(use.what));
  }
  std::error_code ignored;
  for (const auto& process : fs::directory_iterator(root + "/proc", ignored)) {
    const std::string pid = process.path().filename();
    const bool number = std::ranges::all_of(pid, [](char c) { return c >= '0' && c <= '9'; });
    if (!number || pid == std::to_string(::getpid())) continue;
    const std::string name = read_attribute(process.path() / "comm");
    if (name == kOwnProgram) continue;
    std::set<std::string> seen;
    std::error_code gone;
    for (const auto& open : fs::directory_iterator(process.path() / "fd", gone)) {
      // Most are sockets and pipes.
      const std::string target = fs::read_symlink(open.path(), gone).string();
      if (!target.starts_with("/dev/")) continue;
      const auto found = disk_of.find(device_of(open.path()));
      if (found != disk_of.end()) seen.insert(found->second);
    }
    for (const std::string& disk : seen) {
      openers[disk].push_back(fmt::format("{} ({})", name, pid));
    }
  }
  return openers;
}

}  // namespace lastword
