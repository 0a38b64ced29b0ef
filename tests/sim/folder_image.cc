#include "tests/sim/folder_image.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/sim/digest.h"

namespace lastword::sim {
namespace fs = std::filesystem;

std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

FolderImage::FolderImage(std::string folder) : folder_(std::move(folder)) {
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    const std::string path = entry.path().string();
    if (entry.is_directory()) {
      folders_.insert(path);
    } else {
      files_[path] = read_whole(path);
    }
  }
}

std::uint64_t FolderImage::digest() const {
  std::uint64_t digest = 0;
  for (const auto& [path, content] : files_) {
    digest = mix(mix(digest, digest_of(path)), digest_of(content));
  }
  return digest;
}

void FolderImage::put_back() const {
  std::vector<std::string> to_remove;
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    const std::string path = entry.path().string();
    const bool was_there = entry.is_directory() ? folders_.contains(path) : files_.contains(path);
    if (!was_there) to_remove.push_back(path);
  }
  for (const std::string& path : to_remove) fs::remove_all(path);
  for (const std::string& path : folders_) fs::create_directories(path);
  for (const auto& [path, content] : files_) {
    if (fs::exists(path) && read_whole(path) == content) continue;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  }
}

}  // namespace lastword::sim
