// A disk that is open for reading only, and is written by SCSI commands. Closing a descriptor that
// was open for writing makes udev read the partition table again, and for tens of milliseconds the
// partitions are gone: here there is none (systemd's watch rule, inotify IN_CLOSE_WRITE).
#pragma once

#include <memory>

#include "storage/block/linux_block_device.h"
#include "storage/reserve/sg_lun.h"

namespace lastword {

// Reads like LinuxBlockDevice. Writes do not pass the page cache of this machine, and leave in it
// what it holds: who reads the blocks through it may see the old ones. A RESERVATION CONFLICT comes
// back as the status that it is.
class PassThroughDevice final : public BlockDevice {
 public:
  // `io_timeout`: see SgLun::open. kUnsupported: the blocks of the disk are larger than
  // kBlockBytes, or an image.
  [[nodiscard]] static Result<std::unique_ptr<PassThroughDevice>> open(
      const std::string& path, std::chrono::milliseconds io_timeout);

  [[nodiscard]] std::string_view name() const override { return reader_->name(); }
  [[nodiscard]] std::uint64_t size_bytes() const override { return reader_->size_bytes(); }
  [[nodiscard]] std::uint32_t logical_block_bytes() const override {
    return reader_->logical_block_bytes();
  }
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> buffer) override {
    return reader_->read(offset, buffer);
  }
  [[nodiscard]] Status write(std::uint64_t offset, std::span<const std::byte> buffer) override;
  [[nodiscard]] Status flush() override;
  [[nodiscard]] Status flush_all() override;

  [[nodiscard]] int fd() const { return reader_->fd(); }

 private:
  PassThroughDevice(std::unique_ptr<LinuxBlockDevice> reader, std::unique_ptr<SgLun> lun)
      : reader_(std::move(reader)), lun_(std::move(lun)) {}

  // 0 blocks: all behind `lba`.
  [[nodiscard]] Status synchronize(std::uint64_t lba, std::uint32_t blocks);

  // Not flushed yet, in bytes; empty: end_ is 0.
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  std::unique_ptr<LinuxBlockDevice> reader_;
  std::unique_ptr<SgLun> lun_;  // one of its own: a SgLun serves one thread at a time
};

}  // namespace lastword
