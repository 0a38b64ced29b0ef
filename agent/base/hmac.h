// HMAC-SHA256 and random bytes, by OpenSSL's libcrypto.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "proto/error.h"

namespace lastword {

using HmacSha256 = std::array<std::byte, 32>;

// Nothing: memory is out, or this libcrypto does without SHA-256.
[[nodiscard]] std::optional<HmacSha256> hmac_sha256(std::span<const std::byte> key,
                                                    std::span<const std::byte> text);
// In a time that does not depend on where they differ.
[[nodiscard]] bool is_same_hmac(const HmacSha256& one, const HmacSha256& other);
// For a key. kIo: the system has none.
[[nodiscard]] Result<std::vector<std::byte>> random_key(std::size_t bytes);

}  // namespace lastword
