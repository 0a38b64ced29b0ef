// Attributes of devices in sysfs, read by one read() each: a std::ifstream for every attribute of
// many disks took a tenth of a takeover's time.
#pragma once

#include <filesystem>
#include <string>

namespace lastword {

// The whole attribute as it is; sysfs gives it to one read() of a page. Empty where there is none
// or it cannot be read.
[[nodiscard]] std::string read_raw_attribute(const std::filesystem::path& path);

// The same without spaces, line feeds and NULs around it.
[[nodiscard]] std::string read_attribute(const std::filesystem::path& path);

}  // namespace lastword
