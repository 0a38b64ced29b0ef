// The configuration file, /etc/lastword/lastword.toml; docs/lastword.toml.example shows all of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol/config.h"

namespace lastword {

inline constexpr const char* kDefaultConfigPath = "/etc/lastword/lastword.toml";

// kUsage with file, line, column and what to do; unknown keys are refused too. Timing is derived
// and checked (derive_timing), so that a Config in hand is one that can be used.
[[nodiscard]] Result<Config> load_config(const std::string& path);
// The same on text in memory. `path` is for messages; `host_name` is this node's name where the
// text does not say (a domain after the first dot is ignored when only the first part matches).
[[nodiscard]] Result<Config> parse_config(std::string_view text, const std::string& path,
                                          std::string_view host_name);

// All that is wrong with a file at once, in its order, each as load_config() says it. `config` is
// one that can be used only where there is no problem.
struct ConfigReading {
  Config config;
  std::vector<Error> problems;
};
[[nodiscard]] ConfigReading read_config_file(const std::string& path);
[[nodiscard]] ConfigReading read_config(std::string_view text, const std::string& path,
                                        std::string_view host_name);

// kUsage where no node can have this name: nodes are called by their short host names, which Linux
// lets be 64 characters long (HOST_NAME_MAX).
[[nodiscard]] Status check_node_name(std::string_view name);

// Of this machine, perhaps with its domain.
[[nodiscard]] std::string host_name();

}  // namespace lastword
