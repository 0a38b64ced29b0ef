// Digests of states, to tell whether one was seen before. Not cryptographic: two of a thousand
// million states are alike by accident with a chance of one in forty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace lastword::sim {

// The finalizer of splitmix64 over both: the order counts. Where one of the two stays the same, no
// two results are alike: the multiplier is odd (that of a 64-bit congruential generator: Steele,
// Vigna, "Computationally easy, spectrally good multipliers", 2021).
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t digest, std::uint64_t value) {
  std::uint64_t z = (digest * 0xd1342543de82ef95) ^ (value + 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

[[nodiscard]] inline std::uint64_t digest_of(std::span<const std::byte> bytes) {
  std::uint64_t digest = bytes.size();
  std::size_t at = 0;
  for (; at + sizeof digest <= bytes.size(); at += sizeof digest) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    digest = (digest ^ word) * 0x9fb21c651e98df25;
    digest ^= digest >> 32;
  }
  for (; at < bytes.size(); ++at) {
    digest = (digest ^ static_cast<std::uint64_t>(bytes[at])) * 0x9fb21c651e98df25;
  }
  return mix(digest, 0);
}
[[nodiscard]] inline std::uint64_t digest_of(std::string_view text) {
  return digest_of(std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace lastword::sim
