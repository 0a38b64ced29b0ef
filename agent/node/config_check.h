// What a configuration names on this node: a file that can be read may still name programs that are
// not there.
#pragma once

#include <string>
#include <vector>

#include "agent/protocol/config.h"

namespace lastword {

// A regular file that this process may execute.
[[nodiscard]] bool is_program(const std::string& path);

// Why the program of a hook cannot be run, for people; empty: it can be.
[[nodiscard]] std::string why_not_run(const std::string& program);

// All that is wrong with it at once, each kUsage with the key and what to do; `path` is the
// configuration file, for messages. Looks at [hooks] service_taken, fenced and directory, [paths]
// dump_program, [capture] kernel, the nodes' directories for cores, and, where there are links,
// their key; runs and changes nothing. No
// other command refuses a configuration for this: one that takes over must not be stopped by a
// program that it may not need.
[[nodiscard]] std::vector<Error> check_named_files(const Config& config, const std::string& path);

}  // namespace lastword
