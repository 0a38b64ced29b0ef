// A question that an operator answers by typing a name: what a finger does by habit, it does not
// type by mistake.
#pragma once

#include <string>
#include <string_view>

namespace lastword {

// Asks on standard error, and reads a line of standard input where that is a terminal. True: the
// name was typed. False: another word was, or standard input is no terminal.
[[nodiscard]] bool confirmed_by_name(std::string_view question, std::string_view name);

}  // namespace lastword
