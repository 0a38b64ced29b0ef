#include "agent/transfer/range_hash.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace lastword {
namespace {

Hash128 canonical(XXH128_hash_t hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  Hash128 result;
  static_assert(sizeof result == sizeof bytes.digest);
  std::memcpy(result.bytes.data(), bytes.digest, sizeof result);
  return result;
}

}  // namespace

bool is_zero(std::span<const std::byte> content) {
  if (content.empty() || content[0] != std::byte{0}) return content.empty();
  // Each byte equals the one before it.
  return std::memcmp(content.data(), content.data() + 1, content.size() - 1) == 0;
}

Hash128 hash_of_range(std::span<const std::byte> content) {
  return is_zero(content) ? kZeroRange : hash_of_bytes(content);
}

Hash128 hash_of_bytes(std::span<const std::byte> bytes) {
  return canonical(XXH3_128bits(bytes.data(), bytes.size()));
}

Hash128 root_of(std::uint64_t size, std::span<const Hash128> table) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  (void)XXH3_128bits_reset(&state);
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(size >> 8 * i);
  (void)XXH3_128bits_update(&state, bytes.data(), bytes.size());
  (void)XXH3_128bits_update(&state, table.data(), table.size_bytes());
  return canonical(XXH3_128bits_digest(&state));
}

std::string to_string(const Hash128& hash) {
  std::string text;
  for (const std::uint8_t byte : hash.bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::optional<Hash128> parse_hash(std::string_view text) {
  Hash128 hash{};
  if (text.size() != 2 * sizeof hash) return std::nullopt;
  const char* digits = text.data();
  for (std::uint8_t& byte : hash.bytes) {
    if (std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2) return std::nullopt;
    digits += 2;
  }
  return hash;
}

}  // namespace lastword
