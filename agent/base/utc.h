// Times of the wall clock as UTC, whatever the clock says.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace lastword {

// Year, month, ... second of a time in milliseconds since 1970. A clock may say anything: a time
// before 1970 or after the year 9999 gives the first second of 1970.
[[nodiscard]] std::tm utc_fields(std::int64_t unix_ms);

// "2026-11-20T14:19:39Z", with milliseconds "2026-11-20T14:19:39.250Z", and for file names
// "20261120T141939Z".
[[nodiscard]] std::string utc_time(std::int64_t unix_ms);
[[nodiscard]] std::string utc_time_with_ms(std::int64_t unix_ms);
[[nodiscard]] std::string utc_time_compact(std::int64_t unix_ms);

}  // namespace lastword
