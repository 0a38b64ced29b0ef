// Small files as a whole: proc and sysfs, and files that are replaced atomically.
#pragma once

#include <string>
#include <string_view>

#include "proto/error.h"

namespace lastword {

// Works for files whose size the kernel does not know (proc, sysfs). kNotFound: there is none.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path);

// Writes PATH.new, syncs it, renames it over `path` and syncs the directory. On an error `path` is
// what it was; PATH.new may be left behind and is overwritten next time.
[[nodiscard]] Status replace_file(const std::string& path, std::string_view content,
                                  unsigned mode = 0600);

}  // namespace lastword
