// UUIDs as canonical lower-case text (in records) and as 16 bytes (in section headers). Parsing and
// printing are libuuid's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/error.h"

namespace lastword {

using UuidBytes = std::array<std::uint8_t, 16>;

// Digits may be of either case. Records compare UUIDs as text: text that a person wrote goes
// through to_string() before it meets a record.
[[nodiscard]] std::optional<UuidBytes> parse_uuid(std::string_view text);
// In lower case.
[[nodiscard]] std::string to_string(const UuidBytes& uuid);

// The name of a cluster as records have it. kUsage, its detail without a subject: not a UUID, or
// the nil UUID, which is the example configuration's. Two clusters that both kept that would take
// each other's disks.
[[nodiscard]] Result<std::string> canonical_cluster_uuid(std::string_view text);

// Version 4, from getrandom(2) without waiting for the entropy pool: a capture kernel may have none
// yet, and a crash id must only differ from the ids before it, not be secret.
[[nodiscard]] UuidBytes random_uuid();

}  // namespace lastword
