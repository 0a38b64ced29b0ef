// Writing recovered dumps: the seam between recovery and the target file system. Tests put one
// behind it that runs full or stops at any step. Errors name the path; a full file system (or
// quota) is kNoSpace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "proto/error.h"

namespace lastword {

class OutputFile {
 public:
  virtual ~OutputFile() = default;  // closes; nothing is durable without sync()
  // Whole pages at page addresses that go to page offsets are written fastest.
  [[nodiscard]] virtual Status write(std::uint64_t offset, std::span<const std::byte> data) = 0;
  // Without taking space: the part that is never written reads as zeros.
  [[nodiscard]] virtual Status set_size(std::uint64_t bytes) = 0;
  [[nodiscard]] virtual Status sync() = 0;
};

// A directory held against other processes as long as this lives.
class ClaimedDirectory {
 public:
  virtual ~ClaimedDirectory() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // Makes the directory (mode 0700) if need be. kRefused: another process has claimed it.
  [[nodiscard]] virtual Result<std::unique_ptr<ClaimedDirectory>> claim_directory(
      const std::string& path) = 0;
  // Mode 0600. There must be no such file.
  [[nodiscard]] virtual Result<std::unique_ptr<OutputFile>> create(const std::string& path) = 0;
  [[nodiscard]] virtual Status sync_directory(const std::string& path) = 0;
  [[nodiscard]] virtual Status rename(const std::string& from, const std::string& to) = 0;
  // Removes everything inside it; the directory stays.
  [[nodiscard]] virtual Status empty_directory(const std::string& path) = 0;
  [[nodiscard]] virtual Status remove_tree(const std::string& path) = 0;
  // What this user may still write to the file system of `path`.
  [[nodiscard]] virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;
};

[[nodiscard]] FileSystem& real_file_system();

}  // namespace lastword
