// A disk or an image file of this machine, through O_DIRECT. The dump writer uses this after a
// crash: nothing here allocates once the device is open.
#pragma once

#include <memory>
#include <string>

#include "storage/block/block_device.h"
#include "storage/block/disk_turn.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

enum class Access : bool { kReadOnly, kReadWrite };

class LinuxBlockDevice final : public BlockDevice {
 public:
  // Opens O_DIRECT. An image file on a file system without O_DIRECT (tmpfs) is opened without it;
  // a disk never is. kNotFound: no such path. kRefused: neither a disk nor a regular file.
  // Otherwise what code_of_errno() makes of the errno; nothing stays open.
  [[nodiscard]] static Result<std::unique_ptr<LinuxBlockDevice>> open(const std::string& path,
                                                                      Access access);

  [[nodiscard]] std::string_view name() const override { return path_; }
  [[nodiscard]] std::uint64_t size_bytes() const override { return size_bytes_; }
  // Beyond the end is kRefused: an image file must not grow.
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> buffer) override;
  [[nodiscard]] Status write(std::uint64_t offset, std::span<const std::byte> buffer) override;
  [[nodiscard]] Status flush() override;
  [[nodiscard]] Status flush_all() override {
    return flush();
  }  // fdatasync() empties the whole cache

  // From now on each read, write and flush waits for this turn, beside others (disk_turn.h).
  void use(std::shared_ptr<DiskTurn> turn) { turn_ = std::move(turn); }

  // For the write engines and read_batch; valid as long as the device.
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool is_image() const { return is_image_; }
  // Of a disk; an image file has none of its own.
  [[nodiscard]] std::uint32_t logical_block_bytes() const override {
    return is_image_ ? 0 : logical_block_bytes_;
  }

 private:
  LinuxBlockDevice(std::string path, FileDescriptor fd, std::uint64_t size_bytes, bool is_image,
                   std::uint32_t logical_block_bytes);
  [[nodiscard]] Status check(std::string_view operation, std::uint64_t offset,
                             std::span<const std::byte> buffer) const;

  std::string path_;
  FileDescriptor fd_;
  std::uint64_t size_bytes_;
  bool is_image_;
  std::uint32_t logical_block_bytes_;
  std::shared_ptr<DiskTurn> turn_ = nullptr;
};

}  // namespace lastword
