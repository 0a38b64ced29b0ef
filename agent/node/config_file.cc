#include "agent/node/config_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <optional>
#include <utility>

#include "agent/base/text_file.h"
#include "agent/node/config_links.h"
#include "proto/codec_setting.h"
#include "proto/duration.h"
#include "proto/uuid.h"

namespace lastword {
namespace {

bool all_of_set(std::string_view text, std::string_view extra) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) || extra.find(static_cast<char>(c)) != extra.npos;
  });
}

void read_cluster(ConfigReader& reader, const toml::table& root, Config& config) {
  if (!reader.text(root, "cluster", config.cluster_uuid)) {
    reader.complain({},
                    "cluster is missing: add cluster = \"UUID\", the same on both nodes (cat "
                    "/proc/sys/kernel/random/uuid makes one)");
    return;
  }
  const auto canonical = canonical_cluster_uuid(config.cluster_uuid);
  if (!canonical) {
    reader.complain(
        root.get("cluster")->source(),
        fmt::format("cluster = \"{}\" {}", config.cluster_uuid, canonical.error().detail.view()));
    return;
  }
  config.cluster_uuid = *canonical;
}

NodeConfig read_node(ConfigReader& reader, const std::string& name, const toml::table& table) {
  NodeConfig node{.name = name, .core_directory = "/var/crash/" + name};
  for (const auto& [key, value] : table) {
    if (!value.is_table()) continue;
    reader.complain(value.source(),
                    fmt::format("[nodes.{0}.{1}]: a dot in a table's name begins another table; "
                                "use the short host name, [nodes.{0}]",
                                name, key.str()));
    return node;
  }
  reader.only_keys(table, fmt::format("[nodes.{}]", name), {"id", "core_directory"});
  if (const Status good = check_node_name(name); !good) {
    reader.complain(table.source(), std::string(good.error().detail.view()));
  }
  const toml::node* id = table.get("id");
  const auto value = id == nullptr ? std::nullopt : id->value_exact<std::int64_t>();
  if (!value || *value < 1 || *value > UINT8_MAX) {
    reader.complain(id == nullptr ? table.source() : id->source(),
                    fmt::format("[nodes.{}] needs id = N, a number from 1 to 255 that differs "
                                "between the nodes and never changes",
                                name));
    return node;
  }
  node.id = static_cast<std::uint8_t>(*value);
  reader.absolute_path(table, "core_directory", node.core_directory);
  return node;
}

void read_nodes(ConfigReader& reader, const toml::table& root, std::string_view host_name,
                Config& config) {
  const toml::table* tables = reader.table(root, "nodes");
  if (tables == nullptr || tables->size() != 2) {
    reader.complain(tables == nullptr ? toml::source_region{} : tables->source(),
                    fmt::format("a cluster has exactly two nodes, here are {}: write one "
                                "[nodes.NAME] table for each",
                                tables == nullptr ? 0 : tables->size()));
    return;
  }
  std::vector<NodeConfig> nodes;
  for (const auto& [key, node] : *tables) {
    if (!node.is_table()) {
      reader.complain(node.source(), fmt::format("write [nodes.{}] as a table", key.str()));
      return;
    }
    nodes.push_back(read_node(reader, std::string(key.str()), *node.as_table()));
  }
  if (nodes[0].id == nodes[1].id && nodes[0].id != 0) {
    reader.complain(tables->source(), fmt::format("{} and {} both have id {}: ids must differ",
                                                  nodes[0].name, nodes[1].name, nodes[0].id));
  }

  std::string own(host_name);
  const bool named = reader.text(root, "node", own);
  const auto is_own = [&](const NodeConfig& node) { return node.name == own; };
  auto self = std::find_if(nodes.begin(), nodes.end(), is_own);
  if (self == nodes.end() && !named) {
    own = own.substr(0, own.find('.'));
    self = std::find_if(nodes.begin(), nodes.end(), is_own);
  }
  if (self == nodes.end()) {
    reader.complain(
        named ? root.get("node")->source() : toml::source_region{},
        fmt::format("{} \"{}\" is neither \"{}\" nor \"{}\": set node = to one of the two",
                    named ? "node =" : "this host's name", own, nodes[0].name, nodes[1].name));
    return;
  }
  config.self = *self;
  config.partner = nodes[self == nodes.begin() ? 1 : 0];
}

void read_timing(ConfigReader& reader, const toml::table& root, Config& config) {
  TimingSettings settings;
  const std::size_t before = reader.complaints();
  const toml::table* table = reader.table(root, "timing");
  if (table != nullptr) {
    reader.only_keys(
        *table, "[timing]",
        {"io_timeout", "dump_limit", "grace", "client_timeout", "heartbeat", "silence"});
    reader.duration(*table, "io_timeout", settings.io_timeout);
    reader.duration(*table, "dump_limit", settings.dump_limit);
    reader.duration(*table, "grace", settings.grace);
    reader.duration(*table, "client_timeout", settings.client_timeout);
    reader.duration(*table, "heartbeat", settings.heartbeat);
    reader.duration(*table, "silence", settings.silence);
  }
  const auto timing = derive_timing(settings);
  if (timing) {
    config.timing = *timing;
  } else if (reader.complaints() == before) {
    reader.complain(table == nullptr ? toml::source_region{} : table->source(),
                    fmt::format("[timing] {}", timing.error().detail.view()));
  }
}

void read_dump(ConfigReader& reader, const toml::table& root, Config& config) {
  const toml::table* table = reader.table(root, "dump");
  if (table == nullptr) return;
  reader.only_keys(*table, "[dump]",
                   {"keep", "after", "engine", "exclude", "codec", "core_format"});
  reader.choice(*table, "keep", config.keep_latest, {{"unsaved", 0}, {"latest", 1}});
  reader.choice(*table, "after", config.after,
                {{"reboot", pb::REBOOT}, {"poweroff", pb::POWER_OFF}, {"hold", pb::HOLD}});
  reader.choice(*table, "engine", config.engine,
                {{"auto", pb::ENGINE_AUTO}, {"io_uring", pb::IO_URING}, {"libaio", pb::LIBAIO}});
  reader.checked(*table, "exclude", config.exclude, PageFilter::parse);
  reader.checked(*table, "codec", config.codec, CodecSetting::parse);
  reader.choice(*table, "core_format", config.core_format,
                {{"kdump", static_cast<int>(CoreFormat::kKdump)},
                 {"elf", static_cast<int>(CoreFormat::kElf)}});
}

void read_takeover(ConfigReader& reader, const toml::table& root, Config& config) {
  const toml::table* table = reader.table(root, "takeover");
  if (table == nullptr) return;
  reader.only_keys(*table, "[takeover]",
                   {"foreign_registrants", "when_fenced", "incomplete_service"});
  reader.boolean(*table, "incomplete_service", config.incomplete_service);
  reader.choice(*table, "when_fenced", config.when_fenced,
                {{"panic", static_cast<int>(WhenFenced::kPanic)},
                 {"end", static_cast<int>(WhenFenced::kEnd)}});
  reader.choice(*table, "foreign_registrants", config.foreign_registrants,
                {{"remove", static_cast<int>(ForeignRegistrants::kRemove)},
                 {"refuse", static_cast<int>(ForeignRegistrants::kRefuse)}});
}

void read_capture(ConfigReader& reader, const toml::table& root, Config& config) {
  const toml::table* table = reader.table(root, "capture");
  if (table == nullptr) return;
  reader.only_keys(*table, "[capture]", {"modules", "kernel", "command_line", "processors"});
  reader.absolute_path(*table, "kernel", config.capture_kernel);
  reader.text(*table, "command_line", config.capture_command_line);
  constexpr unsigned kMostProcessors = 8;  // that lastword-dump has memory for (size_engine())
  reader.number(*table, "processors", config.capture_processors, 1, kMostProcessors);
  const toml::node* modules = table->get("modules");
  if (modules == nullptr) return;
  if (!modules->is_array()) {
    reader.complain(modules->source(), "modules must be a list: [\"name\", \"name\"]");
    return;
  }
  for (const toml::node& module : *modules->as_array()) {
    const std::string name = module.value_exact<std::string>().value_or("");
    if (!all_of_set(name, "-_")) {
      reader.complain(module.source(),
                      "modules takes names as in modprobe, without path and ending");
      return;
    }
    config.extra_modules.push_back(name);
  }
}

void read_hooks(ConfigReader& reader, const toml::table& root, Config& config) {
  config.hooks.timeout = config.timing.hook_timeout();
  const toml::table* table = reader.table(root, "hooks");
  if (table == nullptr) return;
  reader.only_keys(*table, "[hooks]", {"service_taken", "fenced", "directory", "timeout"});
  reader.absolute_path(*table, "fenced", config.hooks.fenced);
  reader.absolute_path(*table, "directory", config.hooks.directory);
  reader.absolute_path(*table, "service_taken", config.hooks.service_taken);
  milliseconds timeout = config.hooks.timeout;
  reader.duration(*table, "timeout", timeout);
  // The default may be longer than what a file may say.
  if (timeout == config.hooks.timeout) return;
  if (timeout < kShortestHook || timeout > kLongestTime) {
    reader.complain(table->get("timeout")->source(),
                    fmt::format("[hooks] timeout ({}) must be from {} to {}", to_string(timeout),
                                to_string(kShortestHook), to_string(kLongestTime)));
    return;
  }
  config.hooks.timeout = timeout;
}

void read_agent(ConfigReader& reader, const toml::table& root, Config& config) {
  const toml::table* table = reader.table(root, "agent");
  if (table == nullptr) return;
  reader.only_keys(*table, "[agent]", {"realtime"});
  reader.boolean(*table, "realtime", config.realtime);
}

// A node that was only about to serve may look like one that waits.
constexpr milliseconds kShortestStable{1000};

void read_giveback(ConfigReader& reader, const toml::table& root, Config& config) {
  const toml::table* table = reader.table(root, "giveback");
  if (table == nullptr) return;
  reader.only_keys(*table, "[giveback]", {"automatic", "stable", "most"});
  reader.boolean(*table, "automatic", config.giveback.on);
  constexpr unsigned kMostInARow = 1000;
  reader.number(*table, "most", config.giveback.most, 1, kMostInARow);
  milliseconds stable = config.giveback.stable;
  reader.duration(*table, "stable", stable);
  if (stable < kShortestStable || stable > kLongestTime) {
    return reader.complain(
        table->get("stable")->source(),
        fmt::format("[giveback] stable ({}) must be from {} to {}", to_string(stable),
                    to_string(kShortestStable), to_string(kLongestTime)));
  }
  config.giveback.stable = stable;
}

void read_watchdog(ConfigReader& reader, const toml::table& root, Config& config) {
  const toml::table* table = reader.table(root, "watchdog");
  if (table == nullptr) return;
  reader.only_keys(*table, "[watchdog]", {"device"});
  reader.absolute_path(*table, "device", config.watchdog_device);
  const auto timeout = config.timing.watchdog_timeout();
  if (config.watchdog_device.empty() || timeout >= kShortestWatchdog) return;
  reader.complain(
      table->source(),
      fmt::format(
          "[watchdog] device: it would reset this node after {} s, and a restart of the "
          "agent takes up to {} s: raise [timing] silence to {}, or leave the watchdog out",
          timeout.count(), kShortestWatchdog.count(),
          to_string(kShortestWatchdog + kWatchdogReset + config.timing.settings.heartbeat)));
}

void read_programs(ConfigReader& reader, const toml::table& root, Config& config) {
  if (const toml::table* table = reader.table(root, "paths")) {
    reader.only_keys(*table, "[paths]", {"state", "persistent", "dump_program", "key_file"});
    reader.absolute_path(*table, "state", config.state_directory);
    reader.absolute_path(*table, "persistent", config.persistent_directory);
    reader.absolute_path(*table, "dump_program", config.dump_program);
    reader.absolute_path(*table, "key_file", config.key_file);
    if (config.state_directory == config.persistent_directory) {
      reader.complain(table->source(),
                      "state and persistent must be different directories: one is gone after a "
                      "reboot, the other must not be");
    }
  }
}

}  // namespace

ConfigReading read_config(std::string_view text, const std::string& path,
                          std::string_view host_name) {
  ConfigReader reader(path);
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    reader.complain(parsed.error().source(),
                    fmt::format("not TOML: {}", parsed.error().description()));
    return {.config = {}, .problems = reader.errors()};
  }
  const toml::table& root = parsed.table();
  Config config;
  reader.only_keys(root, "the file",
                   {"cluster", "node", "nodes", "timing", "dump", "capture", "takeover", "hooks",
                    "giveback", "agent", "watchdog", "link", "paths"});
  read_cluster(reader, root, config);
  read_nodes(reader, root, host_name, config);
  read_timing(reader, root, config);
  read_dump(reader, root, config);
  read_capture(reader, root, config);
  read_takeover(reader, root, config);
  read_hooks(reader, root, config);
  read_giveback(reader, root, config);
  read_agent(reader, root, config);
  read_watchdog(reader, root, config);
  read_links(reader, root, config);
  read_programs(reader, root, config);
  return {.config = std::move(config), .problems = reader.errors()};
}

Result<Config> parse_config(std::string_view text, const std::string& path,
                            std::string_view host_name) {
  ConfigReading reading = read_config(text, path, host_name);
  if (!reading.problems.empty()) return fail(reading.problems.front());
  return std::move(reading.config);
}

ConfigReading read_config_file(const std::string& path) {
  Error error{
      .code = Code::kUsage,
      .operation = "read configuration",
      .disk = path,
      .detail =
          "`lastword config --init` writes one, lastword.toml(5) explains it; another file is "
          "named with --config"};
  std::error_code unknown;
  const auto status = std::filesystem::status(path, unknown);
  // Opening a FIFO would wait for somebody who writes to it.
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    error.detail = "not a regular file; name another one with --config";
    return {.config = {}, .problems = {error}};
  }
  const auto text = read_text_file(path);
  if (!text) {
    error.sys_errno = text.error().sys_errno;
    return {.config = {}, .problems = {error}};
  }
  return read_config(*text, path, host_name());
}

Result<Config> load_config(const std::string& path) {
  ConfigReading reading = read_config_file(path);
  if (!reading.problems.empty()) return fail(reading.problems.front());
  return std::move(reading.config);
}

Status check_node_name(std::string_view name) {
  if (name.size() <= HOST_NAME_MAX && all_of_set(name, "-_")) return {};
  // A detail has little room, and what is wrong with a long name is not at its end.
  constexpr std::size_t kShown = 80;
  const std::string shown =
      name.size() > kShown ? fmt::format("{}...", name.substr(0, kShown)) : std::string(name);
  return fail({.code = Code::kUsage,
               .operation = "check node name",
               .detail = fmt::format("node name \"{}\": a short host name is wanted, of 1 to {} "
                                     "letters, digits, - and _",
                                     shown, HOST_NAME_MAX)});
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  (void)gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace lastword
