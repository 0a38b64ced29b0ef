#include "storage/reserve/pass_through_device.h"

#include <algorithm>
#include <limits>

#include "proto/layout.h"
#include "proto/unit_attention.h"
#include "storage/block/io_error.h"

namespace lastword {
namespace {

// What every adapter takes in one command.
constexpr std::size_t kMaxTransferBytes = 64 << 10;

}  // namespace

Result<std::unique_ptr<PassThroughDevice>> PassThroughDevice::open(
    const std::string& path, std::chrono::milliseconds io_timeout) {
  auto reader = LinuxBlockDevice::open(path, Access::kReadOnly);
  if (!reader) return fail(reader.error());
  const std::uint32_t block_bytes = (*reader)->logical_block_bytes();
  if (block_bytes == 0 || kBlockBytes % block_bytes != 0) {
    return fail({.code = Code::kUnsupported,
                 .operation = "open",
                 .disk = path,
                 .detail = "its blocks do not divide 4096 bytes"});
  }
  (*reader)->use(DiskTurn::of((*reader)->fd()));
  auto lun = SgLun::open(path, io_timeout);
  if (!lun) return fail(lun.error());
  return std::unique_ptr<PassThroughDevice>(
      new PassThroughDevice(std::move(*reader), std::move(*lun)));
}

Status PassThroughDevice::write(std::uint64_t offset, std::span<const std::byte> buffer) {
  if (Status status = check_aligned("write", name(), offset, buffer.size(), buffer.data());
      !status) {
    return status;
  }
  if (offset > size_bytes() || buffer.size() > size_bytes() - offset) {
    return fail({.code = Code::kRefused,
                 .operation = "write",
                 .disk = name(),
                 .offset = offset,
                 .detail = "beyond the end of the disk"});
  }
  begin_ = end_ == 0 ? offset : std::min(begin_, offset);
  end_ = std::max(end_, offset + buffer.size());
  while (!buffer.empty()) {
    const auto part = buffer.first(std::min(buffer.size(), kMaxTransferBytes));
    const Status written = past_unit_attentions([&] {
      return lun_->write_blocks(offset / logical_block_bytes(), logical_block_bytes(), part);
    });
    if (!written) {
      Error error = written.error();
      error.offset = offset;
      return fail(error);
    }
    offset += part.size();
    buffer = buffer.subspan(part.size());
  }
  return {};
}

Status PassThroughDevice::synchronize(std::uint64_t lba, std::uint32_t blocks) {
  const Status flushed = past_unit_attentions([&] { return lun_->synchronize_cache(lba, blocks); });
  // A disk without the command has no cache that could lose anything.
  if (!flushed && flushed.error().code != Code::kUnsupported) return flushed;
  begin_ = end_ = 0;
  return {};
}

Status PassThroughDevice::flush() {
  if (end_ == 0) return {};
  const std::uint32_t block_bytes = logical_block_bytes();
  const auto blocks = static_cast<std::uint32_t>(std::min<std::uint64_t>(
      (end_ - begin_) / block_bytes, std::numeric_limits<std::uint32_t>::max()));
  return synchronize(begin_ / block_bytes, blocks);
}

// SBC-3 5.21: a number of 0 means all logical blocks from the address on.
Status PassThroughDevice::flush_all() {
  return synchronize(0, 0);
}

}  // namespace lastword
