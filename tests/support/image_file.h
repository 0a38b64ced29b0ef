// A sparse image file for a test: in a folder of its own below the build folder, gone with the
// object.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "storage/block/file_descriptor.h"
#include "tests/support/test_directory.h"

namespace lastword::test {

class ImageFile {
 public:
  explicit ImageFile(std::uint64_t size_bytes) {
    static std::atomic<unsigned> count{0};
    directory_ = std::filesystem::path(test_directory()) / fmt::format("{}-{}", getpid(), count++);
    std::filesystem::create_directories(directory_);
    path_ = directory_ / "disk.img";
    std::ofstream{path_};
    std::filesystem::resize_file(path_, size_bytes);
  }
  ~ImageFile() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  ImageFile(const ImageFile&) = delete;
  ImageFile& operator=(const ImageFile&) = delete;

  [[nodiscard]] std::string path() const { return path_; }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

  [[nodiscard]] FileDescriptor open() const {
    FileDescriptor fd(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd.valid()) throw std::runtime_error("open " + path_.string());
    return fd;
  }
  void write(std::uint64_t offset, std::string_view bytes) const {
    if (::pwrite(open().get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("write " + path_.string());
    }
  }
  [[nodiscard]] std::string read(std::uint64_t offset, std::size_t length) const {
    std::string bytes(length, '\0');
    if (::pread(open().get(), bytes.data(), length, static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(length)) {
      throw std::runtime_error("read " + path_.string());
    }
    return bytes;
  }
  // The whole file.
  [[nodiscard]] std::string content() const { return read(0, std::filesystem::file_size(path_)); }

 private:
  std::filesystem::path directory_;
  std::filesystem::path path_;
};

}  // namespace lastword::test
