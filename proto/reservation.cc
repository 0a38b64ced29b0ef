#include "proto/reservation.h"

namespace lastword {

std::string_view name_of(PrType type) {
  switch (type) {
    case PrType::kWriteExclusive:
      return "Write Exclusive";
    case PrType::kExclusiveAccess:
      return "Exclusive Access";
    case PrType::kWriteExclusiveRegistrantsOnly:
      return "Write Exclusive - Registrants Only";
    case PrType::kExclusiveAccessRegistrantsOnly:
      return "Exclusive Access - Registrants Only";
    case PrType::kWriteExclusiveAllRegistrants:
      return "Write Exclusive - All Registrants";
    case PrType::kExclusiveAccessAllRegistrants:
      return "Exclusive Access - All Registrants";
  }
  return "unknown type";
}

}  // namespace lastword
