#include "proto/uuid.h"

#include <sys/random.h>
#include <uuid/uuid.h>

namespace lastword {

std::optional<UuidBytes> parse_uuid(std::string_view text) {
  UuidBytes uuid{};
  if (uuid_parse_range(text.data(), text.data() + text.size(), uuid.data()) != 0) {
    return std::nullopt;
  }
  return uuid;
}

Result<std::string> canonical_cluster_uuid(std::string_view text) {
  Error error{.code = Code::kUsage, .operation = "check cluster"};
  const auto uuid = parse_uuid(text);
  if (uuid && uuid_is_null(uuid->data()) == 0) return to_string(*uuid);
  error.detail =
      uuid ? "still is the example's placeholder: put in a UUID of your own, the same on both "
             "nodes (cat /proc/sys/kernel/random/uuid makes one)"
           : "is not a UUID; cat /proc/sys/kernel/random/uuid makes one";
  return fail(error);
}

std::string to_string(const UuidBytes& uuid) {
  char text[UUID_STR_LEN];
  uuid_unparse_lower(uuid.data(), text);
  return text;
}

// By hand: libuuid's generator does not ask for GRND_INSECURE, which the entropy pool of a capture
// kernel needs. It also brings its daemon's client: 150 KiB in the small static lastword-dump.
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
