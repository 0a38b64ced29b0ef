// Where tests keep their files: below the build folder, beside the programs.
#pragma once

#include <filesystem>
#include <string>

namespace lastword::test {

// Exists when this returns. Not a definition of the build: it would put the build folder's path
// into every object, and no cache of a compiler would know an object of another clone again.
[[nodiscard]] inline std::string test_directory() {
  const auto programs = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const auto directory = programs.parent_path() / "tests" / "files";
  std::filesystem::create_directories(directory);
  return directory;
}

}  // namespace lastword::test
