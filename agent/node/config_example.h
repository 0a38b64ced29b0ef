// The text of docs/lastword.toml.example; its source is made by CMake.
#pragma once

#include <string_view>

namespace lastword {

extern const std::string_view kConfigExample;

}  // namespace lastword
