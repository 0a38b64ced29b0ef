// The configuration file, /etc/lastword/lastword.toml: shapes and defaults. The man page
// lastword.toml(5) tells the operator what each one means; docs/lastword.toml.example shows all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/corefile/core_format.h"
#include "proto/error.h"
#include "proto/page_class.h"
#include "proto/plan.pb.h"
#include "proto/timing.h"

namespace lastword {

inline constexpr const char* kDefaultConfigPath = "/etc/lastword/lastword.toml";

struct NodeConfig {
  std::string name;
  std::uint8_t id = 0;         // 1..255, differs between the two
  std::string core_directory;  // where this node's recovered dumps go, on whichever node recovers;
                               // default: /var/crash/NAME
};

struct Hooks {
  std::string service_taken;  // a program run with the event in its environment; empty: none
};

struct Config {
  std::string cluster_uuid;  // canonical lower-case text
  NodeConfig self;
  NodeConfig partner;
  Timing timing;
  bool keep_latest = false;  // [dump] keep = "latest": an unsaved dump may be overwritten
  pb::AfterDump after = pb::REBOOT;
  pb::Engine engine = pb::ENGINE_AUTO;
  std::string exclude{kDefaultExclude};  // pages to leave out, as PageFilter::parse() takes them
  std::string codec = "auto";            // as CodecSetting::parse() takes it
  CoreFormat core_format = CoreFormat::kKdump;
  std::vector<std::string> extra_modules;  // [capture] kernel modules beyond those of the disks
  std::string capture_kernel;              // empty: /boot/vmlinuz-RELEASE of the running kernel
  std::string capture_command_line;        // appended to the default one
  unsigned capture_processors = 1;         // [capture] processors: that the capture kernel starts
  std::string dump_program = "/usr/lib/lastword/lastword-dump";
  std::string state_directory = "/run/lastword";           // must not survive a reboot
  std::string persistent_directory = "/var/lib/lastword";  // must survive one
  Hooks hooks;
};

// kUsage with file, line, column and what to do; unknown keys are refused too. Timing is derived
// and checked (derive_timing), so that a Config in hand is one that can be used.
[[nodiscard]] Result<Config> load_config(const std::string& path);
// The same on text in memory. `path` is for messages; `host_name` is this node's name where the
// text does not say (a domain after the first dot is ignored when only the first part matches).
[[nodiscard]] Result<Config> parse_config(std::string_view text, const std::string& path,
                                          std::string_view host_name);

// "500ms", "5s", "2min"; a whole number and its unit, nothing else.
[[nodiscard]] Result<milliseconds> parse_duration(std::string_view text);

}  // namespace lastword
