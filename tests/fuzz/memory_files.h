// Inputs as the files and disks that parsers read, in memory.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "agent/base/file_system.h"
#include "storage/block/block_device.h"
#include "storage/block/file_descriptor.h"
#include "tests/fuzz/fuzz.h"

namespace lastword::fuzz {

class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> content, std::uint64_t size = 0)
      : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    FUZZ_REQUIRE(fd_.valid());
    FUZZ_REQUIRE(::write(fd_.get(), content.data(), content.size()) ==
                 static_cast<ssize_t>(content.size()));
    if (size > content.size()) FUZZ_REQUIRE(::ftruncate(fd_.get(), static_cast<off_t>(size)) == 0);
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_.get()); }

 private:
  FileDescriptor fd_;
};

// Read-only; zeros behind the input.
class MemoryDisk : public BlockDevice {
 public:
  MemoryDisk(std::span<const std::byte> content, std::uint64_t size)
      : content_(content), size_(size) {}
  [[nodiscard]] std::string_view name() const override { return "input"; }
  [[nodiscard]] std::uint64_t size_bytes() const override { return size_; }
  Status read(std::uint64_t offset, std::span<std::byte> buffer) override {
    FUZZ_REQUIRE(offset <= size_ && buffer.size() <= size_ - offset);
    std::fill(buffer.begin(), buffer.end(), std::byte{0});
    if (offset < content_.size()) {
      const auto part = content_.subspan(offset, std::min(buffer.size(), content_.size() - offset));
      std::copy(part.begin(), part.end(), buffer.begin());
    }
    return {};
  }
  Status write(std::uint64_t, std::span<const std::byte>) override { std::abort(); }
  Status flush() override { std::abort(); }
  Status flush_all() override { std::abort(); }

 private:
  std::span<const std::byte> content_;
  std::uint64_t size_;
};

// Takes anything, keeps nothing.
class NowhereFile : public OutputFile {
 public:
  Status write(std::uint64_t, std::span<const std::byte>) override { return {}; }
  Status set_size(std::uint64_t) override { return {}; }
  Status sync() override { return {}; }
};

// An object out of the input, zeros where it is too short.
template <class T>
T take(std::span<const std::byte>& input) {
  T value{};
  const std::size_t bytes = std::min(sizeof value, input.size());
  std::memcpy(&value, input.data(), bytes);
  input = input.subspan(bytes);
  return value;
}

}  // namespace lastword::fuzz
