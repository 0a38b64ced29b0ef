// By hand: libuuid accepts upper case, which records must not hold, and brings its daemon's client
// and a time-based generator: 150 KiB in a small static program, and lastword-dump must stay small.
#include "proto/uuid.h"

#include <fmt/format.h>
#include <sys/random.h>

namespace lastword {
namespace {

constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::optional<UuidBytes> parse_uuid(std::string_view text) {
  if (text.size() != kShape.size()) return std::nullopt;
  UuidBytes uuid{};
  std::size_t digit = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kShape[i] == '-') {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int value = hex_value(text[i]);
    if (value < 0) return std::nullopt;
    uuid[digit / 2] = static_cast<std::uint8_t>(uuid[digit / 2] << 4 | value);
    ++digit;
  }
  return uuid;
}

Status check_cluster_uuid(std::string_view text) {
  Error error{.code = Code::kUsage, .operation = "check cluster"};
  const auto uuid = parse_uuid(text);
  if (uuid && *uuid != UuidBytes{}) return {};
  error.detail = uuid ? "still is the example's placeholder: make a UUID of your own with uuidgen, "
                        "the same on both nodes"
                      : "is not a UUID in lower case; uuidgen makes one";
  return fail(error);
}

std::string to_string(const UuidBytes& uuid) {
  std::string text;
  std::size_t byte = 0;
  for (std::size_t i = 0; i < kShape.size();) {
    if (kShape[i] == '-') {
      text += '-';
      ++i;
    } else {
      text += fmt::format("{:02x}", uuid[byte++]);
      i += 2;
    }
  }
  return text;
}

UuidBytes random_uuid() {
  UuidBytes uuid{};
  // GRND_INSECURE never blocks; a request this small is never cut short.
  if (getrandom(uuid.data(), uuid.size(), GRND_INSECURE) != static_cast<ssize_t>(uuid.size())) {
    // Kernels before 5.6 lack the flag.
    (void)!getrandom(uuid.data(), uuid.size(), GRND_NONBLOCK);
  }
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x40);
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
  return uuid;
}

}  // namespace lastword
