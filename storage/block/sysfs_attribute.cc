#include "storage/block/sysfs_attribute.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "storage/block/file_descriptor.h"

namespace lastword {

std::string read_raw_attribute(const std::filesystem::path& path) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return {};
  std::array<char, 4096> page;
  const ssize_t got = ::read(fd.get(), page.data(), page.size());
  return {page.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

std::string read_attribute(const std::filesystem::path& path) {
  std::string text = read_raw_attribute(path);
  constexpr std::string_view kPadding(" \n\0", 3);
  text.erase(text.find_last_not_of(kPadding) + 1);
  text.erase(0, std::min(text.find_first_not_of(kPadding), text.size()));
  return text;
}

}  // namespace lastword
