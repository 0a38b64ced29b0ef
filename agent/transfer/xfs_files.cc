#include "agent/transfer/xfs_files.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "agent/base/text_file.h"
#include "storage/block/io_error.h"

namespace lastword {
namespace {

tl::unexpected<Error> call_failed(std::string_view operation, const std::string& path,
                                  std::string_view detail = {}) {
  const int number = errno;
  Error error{.code = code_of_errno(number),
              .sys_errno = number,
              .operation = operation,
              .disk = path,
              .detail = detail};
  if (number == ENOENT) error.code = Code::kNotFound;
  if (number == EDQUOT) error.code = Code::kNoSpace;
  return fail(error);
}

std::int64_t nanoseconds_of(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

constexpr std::string_view kNoReflink =
    "the file system shares no blocks; make it with mkfs.xfs -m reflink=1";

// Of extents that have no place of their own on the data device, or none yet (fiemap.rst).
constexpr std::uint32_t kNoIdentity = FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC |
                                      FIEMAP_EXTENT_ENCODED | FIEMAP_EXTENT_NOT_ALIGNED |
                                      FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DATA_TAIL;

// Blocks of the realtime device are numbered for themselves: two files may then show one physical
// block and share nothing.
Status check_device(int fd, const std::string& path) {
  fsxattr attributes{};
  if (::ioctl(fd, FS_IOC_FSGETXATTR, &attributes) != 0) return call_failed("FSGETXATTR", path);
  if ((attributes.fsx_xflags & FS_XFLAG_REALTIME) == 0) return {};
  return fail({.code = Code::kUnsupported,
               .operation = "map blocks",
               .disk = path,
               .detail = "is on the realtime device of its XFS"});
}

Result<std::vector<Mapping>> map_some(int fd, const std::string& path, std::uint64_t from) {
  constexpr std::uint32_t kExtents = 1024;
  alignas(fiemap) char buffer[sizeof(fiemap) + kExtents * sizeof(fiemap_extent)]{};
  auto* const request = reinterpret_cast<fiemap*>(buffer);
  request->fm_start = from;
  request->fm_length = FIEMAP_MAX_OFFSET - from;
  request->fm_flags = FIEMAP_FLAG_SYNC;
  request->fm_extent_count = kExtents;
  if (::ioctl(fd, FS_IOC_FIEMAP, request) != 0) return call_failed("map blocks", path);
  std::vector<Mapping> mappings;
  for (std::uint32_t i = 0; i < request->fm_mapped_extents; ++i) {
    const fiemap_extent& extent = request->fm_extents[i];
    if ((extent.fe_flags & kNoIdentity) != 0) {
      return fail({.code = Code::kUnsupported,
                   .operation = "map blocks",
                   .disk = path,
                   .offset = extent.fe_logical,
                   .detail = "has no block of its own there, or changes right now"});
    }
    const std::uint64_t skip = from > extent.fe_logical ? from - extent.fe_logical : 0;
    if (extent.fe_length <= skip) continue;
    mappings.push_back({.offset = extent.fe_logical + skip,
                        .length = extent.fe_length - skip,
                        .physical = extent.fe_physical + skip,
                        .written = (extent.fe_flags & FIEMAP_EXTENT_UNWRITTEN) == 0});
  }
  return mappings;
}

}  // namespace

Result<std::vector<Mapping>> XfsBlockMap::some(const std::string& path, std::uint64_t from) {
  const auto file = open_volume(path);
  if (!file) return fail(file.error());
  if (Status status = check_device(file->get(), path); !status) return fail(status.error());
  return map_some(file->get(), path, from);
}

Result<XfsPool> examine_pool(const std::string& directory) {
  struct stat info {};
  struct statfs system {};
  if (::stat(directory.c_str(), &info) != 0 || ::statfs(directory.c_str(), &system) != 0) {
    return call_failed("look at pool", directory);
  }
  if (!S_ISDIR(info.st_mode)) {
    errno = ENOTDIR;
    return call_failed("look at pool", directory);
  }
  if (system.f_type != XFS_SUPER_MAGIC) {
    return fail({.code = Code::kUnsupported,
                 .operation = "look at pool",
                 .disk = directory,
                 .detail = "is not on an XFS; clones are files on an XFS with reflink=1"});
  }
  const auto block = static_cast<std::uint64_t>(system.f_bsize);
  return XfsPool{.device = info.st_dev,
                 .block_bytes = block,
                 .used_bytes = (system.f_blocks - system.f_bfree) * block,
                 .free_bytes = system.f_bavail * block,
                 .all_bytes = system.f_blocks * block};
}

Result<FileStamp> stamp_of(int fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return call_failed("fstat", path);
  return FileStamp{.inode = info.st_ino,
                   .size = static_cast<std::uint64_t>(info.st_size),
                   .changed_ns = nanoseconds_of(info.st_ctim),
                   .written_ns = nanoseconds_of(info.st_mtim)};
}

Result<FileDescriptor> open_volume(const std::string& path) {
  // O_NONBLOCK: a FIFO of that name must not hang us.
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (file.valid() && ::fstat(file.get(), &info) != 0) return call_failed("fstat", path);
  if (!file.valid() && errno != ELOOP) return call_failed("open", path);
  if (file.valid() && S_ISREG(info.st_mode)) return file;
  return fail(
      {.code = Code::kRefused, .operation = "open", .disk = path, .detail = "is no regular file"});
}

Result<FileDescriptor> create_volume(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) return call_failed("create", path);
  return file;
}

Result<FileDescriptor> open_for_writing(const std::string& path) {
  // The first one checks what it is.
  if (const auto readable = open_volume(path); !readable) return fail(readable.error());
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid()) return call_failed("open", path);
  return file;
}

Result<FileDescriptor> reopen_volume(const std::string& path) {
  const auto readable = open_volume(path);
  if (!readable) return fail(readable.error());
  if (Status status = set_immutable(readable->get(), path, false); !status) {
    return fail(status.error());
  }
  if (::fchmod(readable->get(), 0600) != 0) return call_failed("chmod", path);
  return open_for_writing(path);
}

Status clear_behind(int fd, const std::string& path, std::uint64_t keep, std::uint64_t size) {
  const bool done = ::ftruncate(fd, static_cast<off_t>(keep)) == 0 &&
                    ::ftruncate(fd, static_cast<off_t>(size)) == 0;
  return done ? Status{} : call_failed("set size of volume", path);
}

Status read_volume(int fd, const std::string& path, std::uint64_t offset,
                   std::span<std::byte> buffer) {
  const std::size_t wanted = buffer.size();
  const std::uint64_t begin = offset;
  while (!buffer.empty()) {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(io_error("read", path, offset, errno));
    if (got == 0) {
      return fail(short_transfer("read", path, begin, wanted, wanted - buffer.size()));
    }
    buffer = buffer.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Status write_volume(int fd, const std::string& path, std::uint64_t offset,
                    std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t put = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return fail(io_error("write", path, offset, put < 0 ? errno : EIO));
    data = data.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Status clone_file(int from, int to, const std::string& path) {
  if (::ioctl(to, FICLONE, from) == 0) return {};
  const bool cannot = errno == EOPNOTSUPP || errno == ENOTTY;
  return call_failed("clone", path, cannot ? kNoReflink : "");
}

Status clone_range(int from, std::uint64_t from_offset, std::uint64_t length, int to,
                   std::uint64_t to_offset, const std::string& path) {
  file_clone_range range{
      .src_fd = from, .src_offset = from_offset, .src_length = length, .dest_offset = to_offset};
  if (::ioctl(to, FICLONERANGE, &range) == 0) return {};
  const bool cannot = errno == EOPNOTSUPP || errno == ENOTTY;
  return call_failed("clone", path, cannot ? kNoReflink : "");
}

Status set_immutable(int fd, const std::string& path, bool on) {
  int flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) return call_failed("GETFLAGS", path);
  const int wanted = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
  if (wanted == flags || ::ioctl(fd, FS_IOC_SETFLAGS, &wanted) == 0 || errno == EPERM) return {};
  return call_failed("SETFLAGS", path);
}

Status remove_directory(const std::string& path) {
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(path, code)) {
    if (const auto file = open_volume(entry.path()); file) {
      (void)set_immutable(file->get(), entry.path(), false);
    }
  }
  if (code == std::errc::no_such_file_or_directory) return {};
  if (!code) std::filesystem::remove_all(path, code);
  if (!code) return {};
  errno = code.value();
  return call_failed("remove", path);
}

std::string use_of(const std::string& path) {
  const auto file = open_volume(path);
  if (!file) return {};
  // A read lease is given only where nobody has the file open for writing (fcntl(2)). Whoever
  // wanted to write meanwhile would be waited for by SIGIO.
  const auto before = std::signal(SIGIO, SIG_IGN);
  const bool writers = ::fcntl(file->get(), F_SETLEASE, F_RDLCK) != 0 && errno == EAGAIN;
  (void)::fcntl(file->get(), F_SETLEASE, F_UNLCK);
  (void)std::signal(SIGIO, before);
  if (writers) return "is open for writing";
  struct stat wanted {};
  struct stat backing {};
  if (::fstat(file->get(), &wanted) != 0) return {};
  std::error_code ignored;
  for (const auto& device : std::filesystem::directory_iterator("/sys/block", ignored)) {
    const auto text = read_text_file(device.path() / "loop/backing_file");
    if (!text) continue;
    const std::string name = text->substr(0, text->find('\n'));
    if (::stat(name.c_str(), &backing) == 0 && backing.st_dev == wanted.st_dev &&
        backing.st_ino == wanted.st_ino) {
      return "is in use by /dev/" + device.path().filename().string();
    }
  }
  return {};
}

}  // namespace lastword
