#include "agent/recover/file_checksum.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "proto/crc32c.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

void PartsChecksum::add(std::uint64_t offset, std::span<const std::byte> data) {
  const std::uint64_t end = offset + data.size();
  extend_to(end);
  // crc32c() inverts before and after: with this seed it begins at zero.
  const std::uint32_t plain = ~crc32c(data, ~std::uint32_t{0});
  sum_ ^= crc32c_carried_on(plain, bytes_ - end);
}

void PartsChecksum::extend_to(std::uint64_t bytes) {
  if (bytes <= bytes_) return;
  sum_ = crc32c_carried_on(sum_, bytes - bytes_);
  bytes_ = bytes;
}

std::uint32_t PartsChecksum::value() const {
  return ~(sum_ ^ crc32c_carried_on(~std::uint32_t{0}, bytes_));
}

Status ChecksummedFile::write(std::uint64_t offset, std::span<const std::byte> data) {
  if (Status status = file_.write(offset, data); !status) return status;
  checksum_.add(offset, data);
  return {};
}

Status ChecksummedFile::set_size(std::uint64_t bytes) {
  checksum_.extend_to(bytes);
  return file_.set_size(bytes);
}

Result<std::uint32_t> checksum_of_file(const std::string& path) {
  const auto failed = [&] {
    return fail({.code = Code::kIo, .sys_errno = errno, .operation = "read", .disk = path});
  };
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return failed();
  // The disk is given up for this file: it must be on its medium, and be read from there.
  if (::fsync(file.get()) != 0) return failed();
  (void)::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size < 0) return failed();
  constexpr std::size_t kBufferBytes = 1 << 20;
  std::vector<std::byte> buffer(kBufferBytes);
  PartsChecksum checksum;
  checksum.extend_to(static_cast<std::uint64_t>(size));
  for (off_t at = 0; at < size;) {
    const off_t data = ::lseek(file.get(), at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // a hole up to the end
    if (data < 0) return failed();
    const off_t hole = std::min(::lseek(file.get(), data, SEEK_HOLE), size);
    if (hole < 0) return failed();
    for (at = data; at < hole;) {
      const auto wanted = std::min<std::size_t>(buffer.size(), static_cast<std::size_t>(hole - at));
      const ssize_t got = ::pread(file.get(), buffer.data(), wanted, at);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed();
      if (got == 0) return checksum.value();  // it was cut meanwhile
      checksum.add(static_cast<std::uint64_t>(at),
                   std::span(buffer).first(static_cast<std::size_t>(got)));
      at += got;
    }
  }
  return checksum.value();
}

}  // namespace lastword
