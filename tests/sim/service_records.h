// What the simulated service writes: numbered records, to a few places of a disk in turn.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "tests/agent/disks/shelf_nodes.h"

namespace lastword::sim {

inline constexpr unsigned kRecordPlaces = 4;
// The newest record at each place; 0: none.
using ServiceRecords = std::array<std::uint64_t, kRecordPlaces>;

[[nodiscard]] inline std::uint64_t offset_of(unsigned place) {
  return test::kDataOffset + kBlockBytes * std::uint64_t{place};
}
[[nodiscard]] inline unsigned place_of(std::uint64_t offset) {
  return static_cast<unsigned>((offset - test::kDataOffset) / kBlockBytes);
}
inline void put_number(std::span<std::byte> block, std::uint64_t number) {
  std::memcpy(block.data(), &number, sizeof number);
}
[[nodiscard]] inline std::uint64_t number_in(std::span<const std::byte> block) {
  std::uint64_t number = 0;
  std::memcpy(&number, block.data(), sizeof number);
  return number;
}

}  // namespace lastword::sim
