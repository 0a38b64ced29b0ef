// Text from outside as valid UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace lastword {

// '?' in place of each byte that belongs to no sequence of RFC 3629.
[[nodiscard]] std::string valid_utf8(std::string_view text);

}  // namespace lastword
