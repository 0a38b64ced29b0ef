// CRC32C of a file whose parts are written in any order, as those of a core are, without reading it
// again: what a finished core is compared with before the only other copy of the crash is given up.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "agent/base/file_system.h"
#include "proto/error.h"

namespace lastword {

// See crc32c_carried_on(). Holes add nothing. A part costs its CRC, and about a microsecond.
class PartsChecksum {
 public:
  // No byte of the file is added twice.
  void add(std::uint64_t offset, std::span<const std::byte> data);
  // The file ends there at least.
  void extend_to(std::uint64_t bytes);
  // crc32c() of the whole file, where what was never added is zero.
  [[nodiscard]] std::uint32_t value() const;

 private:
  std::uint64_t bytes_ = 0;
  std::uint32_t sum_ = 0;  // without the inversions of crc32c(), which are not linear
};

// Passes everything on to `file`, which outlives this. No byte is written twice.
class ChecksummedFile : public OutputFile {
 public:
  explicit ChecksummedFile(OutputFile& file) : file_(file) {}
  Status write(std::uint64_t offset, std::span<const std::byte> data) override;
  Status set_size(std::uint64_t bytes) override;
  Status sync() override { return file_.sync(); }
  [[nodiscard]] std::uint32_t crc32c() const { return checksum_.value(); }

 private:
  OutputFile& file_;
  PartsChecksum checksum_;
};

// crc32c() of a file, read from end to end but for its holes. kIo: it cannot be read.
[[nodiscard]] Result<std::uint32_t> checksum_of_file(const std::string& path);

}  // namespace lastword
