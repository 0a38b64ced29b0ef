// Hashes of what volumes hold: XXH3 of 128 bits, for each range of kRangeBytes and, over those, a
// root for the volume. They find damage and mix-ups, not an attacker who wants a collision.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/clone_stream.h"

namespace lastword {

// In the table of a volume a range that is all zero has this value.
inline constexpr Hash128 kZeroRange{};
using RangeTable = std::vector<Hash128>;  // one for each range of a volume, in order

[[nodiscard]] constexpr std::uint64_t range_count(std::uint64_t size) {
  return size / kRangeBytes + (size % kRangeBytes != 0 ? 1 : 0);
}
// Of range `index` of a volume of that size.
[[nodiscard]] constexpr std::uint64_t range_length(std::uint64_t size, std::uint64_t index) {
  const std::uint64_t begin = index * kRangeBytes;
  return size - begin < kRangeBytes ? size - begin : kRangeBytes;
}

[[nodiscard]] bool is_zero(std::span<const std::byte> content);
// kZeroRange where all of `content` is zero.
[[nodiscard]] Hash128 hash_of_range(std::span<const std::byte> content);
// Of any bytes, zeros as well.
[[nodiscard]] Hash128 hash_of_bytes(std::span<const std::byte> bytes);
// Over the size as 8 bytes, least significant first, and the table.
[[nodiscard]] Hash128 root_of(std::uint64_t size, std::span<const Hash128> table);

// 32 lower-case hexadecimal digits.
[[nodiscard]] std::string to_string(const Hash128& hash);
[[nodiscard]] std::optional<Hash128> parse_hash(std::string_view text);

}  // namespace lastword
