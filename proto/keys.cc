#include "proto/keys.h"

#include <fmt/format.h>

#include <cassert>
#include <span>

#include "proto/crc32c.h"

namespace lastword {

std::uint16_t cluster_key_bits(std::string_view cluster_uuid) {
  const std::uint32_t crc = crc32c(std::as_bytes(std::span(cluster_uuid)));
  return static_cast<std::uint16_t>(crc ^ (crc >> 16));
}

ReservationKey make_key(const KeyParts& parts) {
  assert(parts.node != 0);
  assert(parts.boot_generation != 0 && parts.boot_generation <= kMaxBootGeneration);
  return {std::uint64_t{kKeyTag} << 48 | std::uint64_t{parts.cluster} << 32 |
          std::uint64_t{parts.node} << 24 | parts.boot_generation};
}

std::optional<KeyParts> parse_key(ReservationKey key) {
  if (key.value >> 48 != kKeyTag) return std::nullopt;
  const KeyParts parts{.cluster = static_cast<std::uint16_t>(key.value >> 32),
                       .node = static_cast<std::uint8_t>(key.value >> 24),
                       .boot_generation = static_cast<std::uint32_t>(key.value & 0xffffff)};
  if (parts.node == 0 || parts.boot_generation == 0) return std::nullopt;
  return parts;
}

std::string to_string(ReservationKey key) {
  return fmt::format("0x{:016x}", key.value);
}

}  // namespace lastword
