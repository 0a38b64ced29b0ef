// Times of the wall clock as UTC, whatever the clock says.
#pragma once

#include <cstdint>
#include <ctime>

namespace lastword {

// Year, month, ... second of a time in milliseconds since 1970. A clock may say anything: a time
// before 1970 or after the year 9999 gives the first second of 1970.
[[nodiscard]] std::tm utc_fields(std::int64_t unix_ms);

}  // namespace lastword
