#include "agent/base/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstdint>

namespace lastword {

std::optional<HmacSha256> hmac_sha256(std::span<const std::byte> key,
                                      std::span<const std::byte> text) {
  HmacSha256 mac{};
  unsigned size = 0;
  const auto* const made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                                reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                                reinterpret_cast<unsigned char*>(mac.data()), &size);
  if (made == nullptr || size != mac.size()) return std::nullopt;
  return mac;
}

bool is_same_hmac(const HmacSha256& one, const HmacSha256& other) {
  return CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

Result<std::vector<std::byte>> random_key(std::size_t bytes) {
  std::vector<std::byte> key(bytes);
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(bytes)) != 1) {
    return fail(
        {.code = Code::kIo, .operation = "make key", .detail = "the system gives no random bytes"});
  }
  return key;
}

}  // namespace lastword
