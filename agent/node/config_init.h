// A configuration file to begin with: docs/lastword.toml.example with the cluster's UUID and the
// names of the nodes in place.
#pragma once

#include <string>
#include <string_view>

#include "proto/error.h"
#include "proto/uuid.h"

namespace lastword {

struct NewConfig {
  std::string self;     // gets id 1
  std::string partner;  // gets id 2
  UuidBytes cluster{};
  bool name_self = false;  // the host name is another: the file says which node this machine is
};

// kUsage: a name that no node can have, or one name for both.
[[nodiscard]] Result<std::string> make_config(const NewConfig& wanted);

// Writes a file that is not there, and its directory if that is missing too; durable when this
// returns. kRefused: there is such a file. Otherwise kIo, kNoSpace or kNotFound; no file is left.
[[nodiscard]] Status write_new_config(const std::string& path, std::string_view text);

}  // namespace lastword
