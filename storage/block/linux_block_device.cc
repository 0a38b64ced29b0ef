#include "storage/block/linux_block_device.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "storage/block/io_error.h"

namespace lastword {
namespace {

Error open_error(const std::string& path, int number) {
  Error error = io_error("open", path, kNoOffset, number);
  if (number == ENOENT) {
    error.code = Code::kNotFound;  // not a disk that vanished
    error.detail = {};
  } else if (number == EROFS) {
    error.detail = "it is write-protected";
  } else if (number == EACCES || number == EPERM) {
    error.detail =
        ::geteuid() == 0 ? "it is write-protected, or a security module forbids it" : "needs root";
  }
  return error;
}

Result<FileDescriptor> open_direct(const std::string& path, Access access) {
  const int mode = (access == Access::kReadWrite ? O_RDWR : O_RDONLY) | O_CLOEXEC;
  FileDescriptor fd(::open(path.c_str(), mode | O_DIRECT));
  if (fd.valid()) return fd;
  int number = errno;
  struct stat status {};
  if (number == EINVAL && ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
    fd = FileDescriptor(::open(path.c_str(), mode));
    if (fd.valid()) return fd;
    number = errno;
  }
  return fail(open_error(path, number));
}

}  // namespace

Result<std::unique_ptr<LinuxBlockDevice>> LinuxBlockDevice::open(const std::string& path,
                                                                 Access access) {
  Result<FileDescriptor> fd = open_direct(path, access);
  if (!fd) return fail(fd.error());
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0) return fail(io_error("stat", path, kNoOffset, errno));
  auto size_bytes = static_cast<std::uint64_t>(status.st_size);
  int logical_block_bytes = 0;
  if (S_ISBLK(status.st_mode)) {
    if (::ioctl(fd->get(), BLKGETSIZE64, &size_bytes) != 0 ||
        ::ioctl(fd->get(), BLKSSZGET, &logical_block_bytes) != 0) {
      return fail(io_error("read size", path, kNoOffset, errno));
    }
  } else if (!S_ISREG(status.st_mode)) {
    return fail({.code = Code::kRefused,
                 .operation = "open",
                 .disk = path,
                 .detail = "neither a disk nor an image file"});
  }
  return std::unique_ptr<LinuxBlockDevice>(
      new LinuxBlockDevice(path, std::move(*fd), size_bytes, S_ISREG(status.st_mode),
                           static_cast<std::uint32_t>(logical_block_bytes)));
}

LinuxBlockDevice::LinuxBlockDevice(std::string path, FileDescriptor fd, std::uint64_t size_bytes,
                                   bool is_image, std::uint32_t logical_block_bytes)
    : path_(std::move(path)),
      fd_(std::move(fd)),
      size_bytes_(size_bytes),
      is_image_(is_image),
      logical_block_bytes_(logical_block_bytes) {}

Status LinuxBlockDevice::check(std::string_view operation, std::uint64_t offset,
                               std::span<const std::byte> buffer) const {
  if (Status status = check_aligned(operation, path_, offset, buffer.size(), buffer.data());
      !status) {
    return status;
  }
  if (offset > size_bytes_ || buffer.size() > size_bytes_ - offset) {
    return fail({.code = Code::kRefused,
                 .operation = operation,
                 .disk = path_,
                 .offset = offset,
                 .detail = "beyond the end of the disk"});
  }
  return {};
}

Status LinuxBlockDevice::read(std::uint64_t offset, std::span<std::byte> buffer) {
  if (Status status = check("read", offset, buffer); !status) return status;
  const DiskTurn::Held held = DiskTurn::wait(turn_, DiskTurn::Kind::kBeside);
  ssize_t got = 0;
  do {
    got = ::pread(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return fail(io_error("read", path_, offset, errno));
  if (static_cast<std::size_t>(got) != buffer.size()) {
    return fail(
        short_transfer("read", path_, offset, buffer.size(), static_cast<std::size_t>(got)));
  }
  return {};
}

Status LinuxBlockDevice::write(std::uint64_t offset, std::span<const std::byte> buffer) {
  if (Status status = check("write", offset, buffer); !status) return status;
  const DiskTurn::Held held = DiskTurn::wait(turn_, DiskTurn::Kind::kBeside);
  ssize_t put = 0;
  do {
    put = ::pwrite(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
  } while (put < 0 && errno == EINTR);
  if (put < 0) return fail(io_error("write", path_, offset, errno));
  if (static_cast<std::size_t>(put) != buffer.size()) {
    return fail(
        short_transfer("write", path_, offset, buffer.size(), static_cast<std::size_t>(put)));
  }
  return {};
}

Status LinuxBlockDevice::flush() {
  const DiskTurn::Held held = DiskTurn::wait(turn_, DiskTurn::Kind::kBeside);
  // fdatasync is not repeated on an error: the kernel reports a lost write once only.
  if (::fdatasync(fd_.get()) != 0) return fail(io_error("flush", path_, kNoOffset, errno));
  return {};
}

}  // namespace lastword
