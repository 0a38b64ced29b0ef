#include "agent/transfer/thin_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/transfer/range_hash.h"

namespace lastword {
namespace {

constexpr std::size_t kThinPiece = 1 << 20;
constexpr std::size_t kSector = 512;

}  // namespace

Error ThinFile::failed(std::string_view operation, std::uint64_t offset) const {
  return {.code = errno == ENOSPC ? Code::kNoSpace : Code::kIo,
          .sys_errno = errno,
          .operation = operation,
          .disk = path_,
          .offset = offset};
}

Result<ThinFile> ThinFile::open(const std::string& path, For use) {
  ThinFile file;
  file.path_ = path;
  const int access = use == For::kReading ? O_RDONLY : O_RDWR;
  file.file_ = FileDescriptor(::open(path.c_str(), access | O_DIRECT | O_CLOEXEC));
  if (!file.file_.valid()) {
    return fail({.code = Code::kIo, .sys_errno = errno, .operation = "open volume", .disk = path});
  }
  file.buffer_ = std::make_unique<AlignedBuffer>(kThinPiece);
  return file;
}

Status ThinFile::read(std::uint64_t offset, std::span<std::byte> buffer) const {
  while (!buffer.empty()) {
    const std::size_t wanted = std::min(buffer.size(), kThinPiece);
    const std::size_t whole = (wanted + kSector - 1) / kSector * kSector;
    std::byte* const into = buffer_->span().data();
    const ssize_t count = ::pread(file_.get(), into, whole, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(failed("read volume", offset));
    const std::size_t got = std::min(static_cast<std::size_t>(count), wanted);
    if (got == 0 || (got < wanted && got % kSector != 0)) {
      errno = EIO;
      return fail(failed("read volume", offset));
    }
    std::memcpy(buffer.data(), into, got);
    buffer = buffer.subspan(got);
    offset += got;
  }
  return {};
}

Status ThinFile::write(std::uint64_t offset, std::span<const std::byte> data) {
  synced_ = false;
  while (!data.empty()) {
    const std::size_t piece = std::min(data.size(), kThinPiece);
    const std::size_t whole = (piece + kSector - 1) / kSector * kSector;
    const auto from = buffer_->span().first(whole);
    std::memcpy(from.data(), data.data(), piece);
    std::ranges::fill(from.subspan(piece), std::byte{0});
    for (std::size_t done = 0; done < whole;) {
      const ssize_t count = ::pwrite(file_.get(), from.data() + done, whole - done,
                                     static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return fail(failed("write volume", offset + done));
      done += static_cast<std::size_t>(count);
    }
    data = data.subspan(piece);
    offset += piece;
  }
  return {};
}

Status ThinFile::discard(std::uint64_t offset, std::uint64_t length) {
  synced_ = false;
  std::array<std::uint64_t, 2> range{offset, length};
  if (::ioctl(file_.get(), BLKDISCARD, range.data()) != 0) {
    return fail(failed("discard", offset));
  }
  // Nothing is read from the disks for it: the pool has no blocks there.
  AlignedBuffer buffer(std::min<std::uint64_t>(length, kThinPiece));
  for (std::uint64_t at = 0; at < length; at += kThinPiece) {
    const auto piece = buffer.span().first(std::min<std::uint64_t>(length - at, kThinPiece));
    if (Status status = read(offset + at, piece); !status) return status;
    if (is_zero(piece)) continue;
    return fail({.code = Code::kUnsupported,
                 .operation = "discard",
                 .disk = path_,
                 .offset = offset + at,
                 .detail = "what was discarded is still there"});
  }
  return {};
}

Status ThinFile::sync() {
  if (synced_) return {};
  if (::fsync(file_.get()) != 0) return fail(failed("fsync", kNoOffset));
  synced_ = true;
  return {};
}

}  // namespace lastword
