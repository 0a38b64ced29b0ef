// A program of this machine, its standard output read as it comes.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "proto/error.h"

namespace lastword {

// `words`: the program, looked for in PATH, and its arguments. It has no input, and says on our
// standard error what is wrong. An error of `take` ends it. kIo: it cannot be started, or its
// status is not 0; `subject` is named then.
[[nodiscard]] Status read_program(const std::vector<std::string>& words, const std::string& subject,
                                  const std::function<Status(std::span<const char>)>& take);

}  // namespace lastword
