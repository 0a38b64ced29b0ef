// WRITE and SYNCHRONIZE CACHE as bytes: CDBs of SBC-3 (T10/1799-D) 5.21, 5.32 and 5.34. Integers
// are big-endian on the wire.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lastword {

// SYNCHRONIZE CACHE (10). Where address or number do not fit: of the whole medium.
[[nodiscard]] std::array<std::uint8_t, 10> synchronize_cache_cdb(std::uint64_t lba,
                                                                 std::uint32_t blocks);

// WRITE (10), which every disk knows, where address and number fit; else WRITE (16).
struct WriteCdb {
  std::array<std::uint8_t, 16> storage{};
  std::size_t length = 10;
  [[nodiscard]] std::span<const std::uint8_t> bytes() const {
    return std::span(storage).first(length);
  }
};
[[nodiscard]] WriteCdb write_cdb(std::uint64_t lba, std::uint32_t blocks);

}  // namespace lastword
