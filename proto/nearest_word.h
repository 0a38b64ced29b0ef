// "Did you mean": the known word that a mistyped one is near to.
#pragma once

#include <span>
#include <string_view>

namespace lastword {

// The one of `known` that begins with `word`, or else the one that the fewest slips of the fingers
// turn into it (a character too many, too few, wrong, or two swapped), as long as these are at most
// a third of the word. Empty: none is near, or several begin so.
[[nodiscard]] std::string_view nearest_word(std::string_view word,
                                            std::span<const std::string_view> known);

}  // namespace lastword
