// A disk with one block that cannot be read.
#pragma once

#include <cerrno>
#include <memory>

#include "storage/block/block_device.h"

namespace lastword::fake {

class SickSpot : public BlockDevice {
 public:
  SickSpot(std::unique_ptr<BlockDevice> disk, std::uint64_t unreadable)
      : disk_(std::move(disk)), unreadable_(unreadable) {}

  std::string_view name() const override { return disk_->name(); }
  std::uint64_t size_bytes() const override { return disk_->size_bytes(); }
  Status read(std::uint64_t offset, std::span<std::byte> buffer) override {
    if (offset > unreadable_ || offset + buffer.size() <= unreadable_) {
      return disk_->read(offset, buffer);
    }
    return fail({.code = Code::kIo,
                 .sys_errno = ENODATA,
                 .operation = "read",
                 .disk = name(),
                 .offset = offset});
  }
  Status write(std::uint64_t offset, std::span<const std::byte> buffer) override {
    return disk_->write(offset, buffer);
  }
  Status flush() override { return disk_->flush(); }
  Status flush_all() override { return disk_->flush_all(); }

 private:
  std::unique_ptr<BlockDevice> disk_;
  std::uint64_t unreadable_;
};

}  // namespace lastword::fake
