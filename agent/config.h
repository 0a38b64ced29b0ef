// The configuration file, /etc/lastword/lastword.toml: shapes and defaults. The man page
// lastword.toml(5) tells the operator what each one means.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proto/error.h"
#include "proto/plan.pb.h"
#include "proto/timing.h"

namespace lastword {

inline constexpr const char* kDefaultConfigPath = "/etc/lastword/lastword.toml";

struct NodeConfig {
  std::string name;
  std::uint8_t id = 0;         // 1..255, differs between the two
  std::string core_directory;  // where this node's recovered dumps go, on whichever node recovers
};

struct Hooks {
  std::string service_taken;  // a program run with the event in its environment; empty: none
  std::string fenced;
};

struct Config {
  std::string cluster_uuid;
  NodeConfig self;
  NodeConfig partner;
  Timing timing;
  bool keep_latest = false;  // [dump] keep = "latest": an unsaved dump may be overwritten
  pb::AfterDump after = pb::REBOOT;
  pb::Engine engine = pb::ENGINE_AUTO;
  std::vector<std::string> extra_modules;  // [capture] kernel modules beyond those of the disks
  std::string capture_kernel;              // default: /boot/vmlinuz-RELEASE of the running kernel
  std::string capture_command_line;        // appended to the default one
  std::string dump_program = "/usr/lib/lastword/lastword-dump";
  std::string state_directory = "/run/lastword";  // must not survive a reboot
  Hooks hooks;
};

// kUsage with file, line and what to do; unknown keys are refused too.
[[nodiscard]] Result<Config> load_config(const std::string& path);

}  // namespace lastword
