// Writing recovered dumps: the seam between recovery and the target file system. Tests put a file
// system behind it that runs full or stops at any step.
//
// Errors name the path. kNoSpace: the file system is full, or the quota used up. Otherwise kIo with
// the errno, where nothing else is said.
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
  // Whole pages at page addresses that go to page offsets are written fastest. After an error any
  // part of the range may be written.
  [[nodiscard]] virtual Status write(std::uint64_t offset, std::span<const std::byte> data) = 0;
  // Takes no space: what is never written reads as zeros.
  [[nodiscard]] virtual Status set_size(std::uint64_t bytes) = 0;
  // Content and size are durable when this returns without an error. After an error nothing of what
  // was written since the last sync may be on the disk, and another sync() would not tell.
  [[nodiscard]] virtual Status sync() = 0;
};

// A directory held against other processes as long as this lives. The directory itself stays.
class ClaimedDirectory {
 public:
  virtual ~ClaimedDirectory() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // Makes the directory (mode 0700) if need be. kRefused: another process has claimed it. On an
  // error a directory that was made stays.
  [[nodiscard]] virtual Result<std::unique_ptr<ClaimedDirectory>> claim_directory(
      const std::string& path) = 0;
  // Mode 0600. There must be no such file. Durable only after sync_directory().
  [[nodiscard]] virtual Result<std::unique_ptr<OutputFile>> create(const std::string& path) = 0;
  // Makes the names in this directory durable: what was created, renamed or removed in it.
  [[nodiscard]] virtual Status sync_directory(const std::string& path) = 0;
  // Atomic: `to` is the old or the new one. Durable only after sync_directory() of the directory
  // that holds `to`.
  [[nodiscard]] virtual Status rename(const std::string& from, const std::string& to) = 0;
  // Removes everything inside it; the directory stays. After an error of this or remove_tree(), a
  // part is gone.
  [[nodiscard]] virtual Status empty_directory(const std::string& path) = 0;
  [[nodiscard]] virtual Status remove_tree(const std::string& path) = 0;
  // What this user may still write to the file system of `path`.
  [[nodiscard]] virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;
};

[[nodiscard]] FileSystem& real_file_system();

}  // namespace lastword
