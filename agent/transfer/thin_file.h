// The device of a thin volume, read and written past the page cache.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "proto/error.h"
#include "storage/block/aligned_buffer.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

class ThinFile {
 public:
  enum class For : std::uint8_t { kReading, kWriting };
  // kIo with errno: it is not active, or read-only.
  [[nodiscard]] static Result<ThinFile> open(const std::string& path, For use);

  // Offsets are multiples of 512. Where the bytes end inside a block of 512, zeros are written to
  // its end.
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> buffer) const;
  [[nodiscard]] Status write(std::uint64_t offset, std::span<const std::byte> data);
  // Gives whole blocks back to the pool: they read as zeros, which is looked at.
  [[nodiscard]] Status discard(std::uint64_t offset, std::uint64_t length);
  // What was written is durable. Nothing is asked of the device where nothing was.
  [[nodiscard]] Status sync();
  [[nodiscard]] bool synced() const { return synced_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  [[nodiscard]] Error failed(std::string_view operation, std::uint64_t offset) const;
  std::string path_;
  FileDescriptor file_;
  std::unique_ptr<AlignedBuffer> buffer_;
  bool synced_ = true;
};

}  // namespace lastword
