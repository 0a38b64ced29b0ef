// Getting over damage in a dump stream. A section stands on its own: its magic, the dump's crash
// id, its sequence and its CRC together are found by no accident, wherever it is.
#pragma once

#include <cstring>
#include <optional>
#include <span>

#include "proto/stream.h"

namespace lastword {

// So much is searched for the next section. No section is longer than 1 MiB and a block.
inline constexpr std::uint64_t kMostSkippedBytes = 64 << 20;
// Each costs a time-out of the disk.
inline constexpr unsigned kMostBadSpots = 16;

// Bad bytes or bad blocks; a newer or older version is no damage.
[[nodiscard]] inline bool is_damage(const Error& error) {
  return error.code == Code::kCorrupt || error.code == Code::kNotFound || error.code == Code::kIo;
}

// The block begins a section of this dump, which has that sequence or a later one.
[[nodiscard]] inline std::optional<SectionHeader> recognize_section(
    std::span<const std::byte, kBlockBytes> block, std::span<const std::uint8_t, 16> crash_id,
    std::uint64_t least_sequence) {
  SectionHeader header;
  std::memcpy(&header, block.data(), sizeof header);
  if (header.sequence < least_sequence) return std::nullopt;
  const auto parsed = parse_section(block, header.sequence, crash_id);
  return parsed ? std::optional(*parsed) : std::nullopt;
}

}  // namespace lastword
