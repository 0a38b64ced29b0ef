// A folder of its own for a test, below the build folder, gone with the object.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <string_view>

#include "tests/support/test_directory.h"

namespace lastword::test {

class TestFolder {
 public:
  TestFolder() {
    static std::atomic<unsigned> count{0};
    path_ = std::filesystem::path(test_directory()) / fmt::format("f{}-{}", getpid(), count++);
    std::filesystem::create_directories(path_);
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  [[nodiscard]] std::string file(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace lastword::test
