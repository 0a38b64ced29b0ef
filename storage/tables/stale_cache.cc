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
#include <thread>

#include "storage/block/aligned_buffer.h"
#include "storage/block/file_descriptor.h"
#include "storage/block/io_error.h"
#include "storage/block/sysfs_attribute.h"
#include "storage/tables/disk_parts.h"
#include "storage/tables/partition_table.h"
#include "storage/tables/signatures.h"

namespace lastword {
namespace {

namespace fs = std::filesystem;

// Unit of `start` and `size` in sysfs, whatever the disk's blocks are.
constexpr std::uint64_t kSysfsSectorBytes = 512;

constexpr int kRereadAttempts = 10;
constexpr std::chrono::milliseconds kRereadPause{100};

FileDescriptor open_node(const std::string& path, int flags) {
  return FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
}

Status drop_buffers(const std::string& node) {
  const FileDescriptor fd = open_node(node, 0);
  if (!fd.valid() || ::ioctl(fd.get(), BLKFLSBUF, 0) != 0) {
    return fail(io_error("drop buffers", node, kNoOffset, errno));
  }
  return {};
}

std::uint64_t number_in(const fs::path& path) {
  const std::string line = read_attribute(path);
  return line.empty() ? 0 : std::strtoull(line.c_str(), nullptr, 10);
}

using Places = std::set<std::pair<std::uint64_t, std::uint64_t>>;  // offset, length

Places places_known_to_the_kernel(const std::vector<DiskPart>& parts) {
  Places places;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    places.emplace(number_in(parts[i].sysfs / "start") * kSysfsSectorBytes,
                   number_in(parts[i].sysfs / "size") * kSysfsSectorBytes);
  }
  return places;
}

// kNotFound: the disk has no GPT.
Result<Places> places_in_the_table(int fd, const std::string& disk) {
  const auto table = lastword::read_gpt(fd, disk);
  if (!table) return fail(table.error());
  Places places;
  for (const TablePartition& entry : table->partitions) {
    places.emplace(entry.place.offset_bytes, entry.place.length_bytes);
  }
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
Status renew_partitions(const std::string& disk, std::vector<DiskPart>& parts,
                        const std::string& device) {
  const FileDescriptor fd = open_node(disk, 0);
  if (!fd.valid()) return fail(io_error("open", disk, kNoOffset, errno));
  const auto wanted = places_in_the_table(fd.get(), disk);
  if (!wanted && wanted.error().code == Code::kNotFound) return {};
  if (!wanted) return fail(wanted.error());
  if (*wanted == places_known_to_the_kernel(parts)) return {};
  if (!reread_table(fd.get())) {
    return fail({.code = errno == EBUSY ? Code::kRefused : code_of_errno(errno),
                 .sys_errno = errno,
                 .operation = "read the partition table again",
                 .disk = disk,
                 .detail = "this node knows other partitions than the disk has: stop what uses "
                           "them, then `blockdev --rereadpt`"});
  }
  parts = parts_of(device, "");
  return {};
}

Status compare_reads(const std::string& node) {
  const AlignedBuffer buffered(kBlockBytes);
  const AlignedBuffer direct(kBlockBytes);
  const FileDescriptor cached = open_node(node, 0);
  const FileDescriptor past = open_node(node, O_DIRECT);
  const auto read = [](const FileDescriptor& fd, const AlignedBuffer& into) {
    return fd.valid() &&
           ::pread(fd.get(), into.span().data(), kBlockBytes, 0) == ssize_t{kBlockBytes};
  };
  if (!read(cached, buffered) || !read(past, direct)) {
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

Status drop_stale_cache(const DiskInfo& disk) {
  if (disk.is_image) return {};
  const std::string device = device_of(disk.path);
  std::vector<DiskPart> parts = parts_of(device, "");
  // All of it is done, whatever fails; the first error is told.
  Status result;
  const auto note = [&result](const Status& status) {
    if (result && !status) result = status;
  };
  for (const DiskPart& part : parts) {
    if (is_there(part, disk.path)) note(drop_buffers(node_of(part, disk.path)));
  }
  note(renew_partitions(disk.path, parts, device));
  for (const DiskPart& part : parts) {
    const bool large_enough = number_in(part.sysfs / "size") * kSysfsSectorBytes >= kBlockBytes;
    if (large_enough && is_there(part, disk.path)) note(compare_reads(node_of(part, disk.path)));
  }
  return result;
}

// The kernel tells of a failed write to whoever has the node open (errseq), not by the ioctl.
Status write_back_early(const DiskInfo& disk) {
  if (disk.is_image) return {};
  Status result;
  for (const DiskPart& part : parts_of(device_of(disk.path), "")) {
    const std::string node = node_of(part, disk.path);
    const FileDescriptor fd(::open(node.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid() || ::ioctl(fd.get(), BLKFLSBUF, 0) != 0) continue;
    if (::sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WAIT_AFTER) == 0) continue;
    result = fail({.code = Code::kRefused,
                   .sys_errno = errno,
                   .operation = "write back",
                   .disk = node,
                   .detail = "what this node had changed in its page cache was not written"});
  }
  return result;
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
      openers[disk].push_back(fmt::format("{} ({})", read_attribute(process.path() / "comm"), pid));
    }
  }
  return openers;
}

}  // namespace lastword
