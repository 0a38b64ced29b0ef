// Persistent reservations as both nodes and the dump writer judge them: data only. The commands are
// in storage/reserve/.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proto/keys.h"

namespace lastword {

// Persistent reservation types, SPC-4 6.15.3.3 table 202.
enum class PrType : std::uint8_t {
  kWriteExclusive = 1,
  kExclusiveAccess = 3,
  kWriteExclusiveRegistrantsOnly = 5,
  kExclusiveAccessRegistrantsOnly = 6,
  kWriteExclusiveAllRegistrants = 7,
  kExclusiveAccessAllRegistrants = 8,
};
// The one lastword uses: all paths of the owner write, the partner reads, nobody else writes.
inline constexpr PrType kOwnerType = PrType::kWriteExclusiveRegistrantsOnly;
[[nodiscard]] std::string_view name_of(PrType type);

struct Registrations {
  std::uint32_t generation = 0;  // PRGENERATION, grows with every change but RESERVE and RELEASE
  std::vector<ReservationKey> keys;  // one for each registered nexus; the same key may repeat
};

struct Reservation {
  ReservationKey holder;  // 0 with the all-registrants types
  PrType type = kOwnerType;
};

struct PrCapabilities {
  bool aptpl = false;  // PTPL_C: registrations can survive a power loss of the target
};

}  // namespace lastword
