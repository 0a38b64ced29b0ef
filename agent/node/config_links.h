// The [[link]] tables of the configuration file. For config_file.cc alone.
#pragma once

#include "agent/node/config_reader.h"
#include "agent/protocol/config.h"

namespace lastword {

inline constexpr std::size_t kMostLinks = 4;

// The nodes' names are known. What is wrong is the reader's to tell; `config` then has the links
// before it.
void read_links(ConfigReader& reader, const toml::table& root, Config& config);

}  // namespace lastword
