#include "agent/base/utc.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace lastword {
namespace {

constexpr std::int64_t kYear10000Ms = 253'402'300'800'000;

// What no clock can mean counts as the first moment of 1970.
std::int64_t sane(std::int64_t unix_ms) {
  return unix_ms >= 0 && unix_ms < kYear10000Ms ? unix_ms : 0;
}

}  // namespace

std::tm utc_fields(std::int64_t unix_ms) {
  const std::time_t seconds = sane(unix_ms) / 1000;
  std::tm fields{};
  ::gmtime_r(&seconds, &fields);
  return fields;
}

std::string utc_time(std::int64_t unix_ms) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", utc_fields(unix_ms));
}

std::string utc_time_with_ms(std::int64_t unix_ms) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", utc_fields(unix_ms), sane(unix_ms) % 1000);
}

std::string utc_time_compact(std::int64_t unix_ms) {
  return fmt::format("{:%Y%m%dT%H%M%SZ}", utc_fields(unix_ms));
}

}  // namespace lastword
