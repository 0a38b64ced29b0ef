#include "agent/base/utc.h"

namespace lastword {

std::tm utc_fields(std::int64_t unix_ms) {
  constexpr std::int64_t kYear10000Ms = 253'402'300'800'000;
  const bool sane = unix_ms >= 0 && unix_ms < kYear10000Ms;
  const std::time_t seconds = sane ? unix_ms / 1000 : 0;
  std::tm fields{};
  ::gmtime_r(&seconds, &fields);
  return fields;
}

}  // namespace lastword
