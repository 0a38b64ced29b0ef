// A directory of a test's own below the build folder, removed with its owner.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace lastword::fake {

class Scratch {
 public:
  Scratch() : path_((std::filesystem::current_path() / "scratch-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp: " + path_);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
  // A sparse file; directories on the way are made.
  [[nodiscard]] std::string image(const std::string& name, std::uintmax_t size_bytes) const {
    write(name, {});
    std::filesystem::resize_file(path(name), size_bytes);
    return path(name);
  }
  void write(const std::string& name, std::string_view content) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << content;
  }

 private:
  std::string path_;
};

}  // namespace lastword::fake
