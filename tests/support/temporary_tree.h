// A directory of a test's own, gone with the test.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/test_directory.h"

namespace lastword::test {

struct TemporaryTree {
  TemporaryTree() {
    std::filesystem::remove_all(root);
    std::filesystem::create_directories(root);
  }
  ~TemporaryTree() { std::filesystem::remove_all(root); }
  TemporaryTree(const TemporaryTree&) = delete;
  TemporaryTree& operator=(const TemporaryTree&) = delete;

  std::string put(const std::string& path, const std::string& content) {
    const std::string full = root + "/" + path;
    std::filesystem::create_directories(std::filesystem::path(full).parent_path());
    std::ofstream(full, std::ios::binary) << content;
    return full;
  }
  const std::string root = test_directory() + "/tree." + std::to_string(::getpid());
};

}  // namespace lastword::test
