// What is in a folder, to be put back: the nodes' files at a moment.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace lastword::sim {

class FolderImage {
 public:
  explicit FolderImage(std::string folder);
  // Files and folders that are there still as they were stay untouched.
  void put_back() const;
  [[nodiscard]] std::uint64_t digest() const;

 private:
  std::string folder_;
  std::set<std::string> folders_;
  std::map<std::string, std::string> files_;  // by path
};

// Absent files read as empty.
[[nodiscard]] std::string read_whole(const std::string& path);

}  // namespace lastword::sim
