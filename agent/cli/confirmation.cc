#include "agent/cli/confirmation.h"

#include <unistd.h>

#include <iostream>

#include "agent/cli/command.h"

namespace lastword {

bool confirmed_by_name(std::string_view question, std::string_view name) {
  if (::isatty(STDIN_FILENO) == 0) return false;
  complain("{} Type {} to go on: ", question, name);
  std::string typed;
  std::getline(std::cin, typed);
  return typed == name;
}

}  // namespace lastword
