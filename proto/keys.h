// Reservation keys: who holds a reservation, readable from the 8 bytes that SPC-4 5.13.4 leaves
// to the application client. tag 16 | cluster 16 | node 8 | boot generation 24, most significant
// first. A stale preempt of an earlier boot's key cannot match a later boot.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lastword {

inline constexpr std::uint16_t kKeyTag = 0x4c57;  // "LW"
inline constexpr std::uint32_t kMaxBootGeneration = (1U << 24) - 1;

struct ReservationKey {
  std::uint64_t value = 0;  // 0 is never a key: SPC-4 uses it for "unregister"
  auto operator<=>(const ReservationKey&) const = default;
};

struct KeyParts {
  std::uint16_t cluster = 0;
  std::uint8_t node = 0;  // 1..255
  std::uint32_t boot_generation = 0;
  bool operator==(const KeyParts&) const = default;
};

// The cluster's 16 bits of a key: derived from its UUID. Two clusters on one shelf that collide
// are told apart by their labels, which are always checked first.
[[nodiscard]] std::uint16_t cluster_key_bits(std::string_view cluster_uuid);

// node 1..255, boot_generation 1..kMaxBootGeneration.
[[nodiscard]] ReservationKey make_key(const KeyParts& parts);

// Empty for a key that lastword did not make.
[[nodiscard]] std::optional<KeyParts> parse_key(ReservationKey key);

// "0x4c57a1b201000007"
[[nodiscard]] std::string to_string(ReservationKey key);

}  // namespace lastword
