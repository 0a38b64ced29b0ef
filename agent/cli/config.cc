// lastword config: checks the configuration file, writes one to begin with, or makes the key of its
// links.
#include <fmt/format.h>

#include <memory>

#include "agent/cli/command.h"
#include "agent/node/cluster_key.h"
#include "agent/node/config_check.h"
#include "agent/node/config_file.h"
#include "agent/node/config_init.h"
#include "proto/duration.h"

namespace lastword {
namespace {

struct ConfigOptions {
  bool check = false;
  bool init = false;
  bool new_key = false;
  std::string self;
  std::string partner;
};

int usage(std::string_view detail) {
  return report_error({.code = Code::kUsage, .operation = "config", .detail = detail});
}

void print_config(const std::string& path, const Config& config) {
  fmt::print("{}: good. This node is {} (id {}), its partner {} (id {}), their cluster {}.\n", path,
             config.self.name, config.self.id, config.partner.name, config.partner.id,
             config.cluster_uuid);
  const Timing& timing = config.timing;
  const TimingSettings& settings = timing.settings;
  fmt::print(
      "After a panic: the dump begins within {} (grace), and ends at {} (dump_limit). One command "
      "to a disk may take {} (io_timeout); a writer that is silent for {} counts as stalled. The "
      "partner takes the dump disk at {} at the latest; the clients of the service wait {} "
      "(client_timeout).\n",
      to_string(settings.grace), to_string(settings.dump_limit), to_string(settings.io_timeout),
      to_string(timing.stall()), to_string(timing.deadline()), to_string(settings.client_timeout));
  fmt::print(
      "Without a word: a heartbeat is due each {} (heartbeat); a node of which none came for {} "
      "(silence) counts as dead, and its disks are voted for {} later.\n",
      to_string(settings.heartbeat), to_string(timing.peer_silence()),
      to_string(timing.announcement()));
  if (config.watchdog_device.empty()) return;
  fmt::print("The watchdog {} resets this node {} after its agent's last sign of life.\n",
             config.watchdog_device, to_string(milliseconds(timing.watchdog_timeout())));
}

int check_config(const std::string& path) {
  ConfigReading reading = read_config_file(path);
  if (reading.problems.empty()) reading.problems = check_named_files(reading.config, path);
  for (const Error& problem : reading.problems) report_error(problem);
  if (!reading.problems.empty()) return kExitUsage;
  print_config(path, reading.config);
  return kExitOk;
}

int init_config(const std::string& path, const ConfigOptions& options) {
  if (options.partner.empty()) return usage("--init needs --partner NAME, the other node's name");
  const std::string host = host_name();
  const std::string short_name = host.substr(0, host.find('.'));
  const std::string self = options.self.empty() ? short_name : options.self;
  const auto text = make_config({.self = self,
                                 .partner = options.partner,
                                 .cluster = random_uuid(),
                                 .name_self = self != short_name});
  if (!text) return report_error(text.error());
  if (Status status = write_new_config(path, *text); !status) return report_error(status.error());
  fmt::print(
      "{}: written. Look through it, then copy it to {}{}; `lastword config --check` on each says "
      "whether it is good.\n",
      path, options.partner,
      self == short_name ? ""
                         : fmt::format(" and make it say node = \"{}\" there", options.partner));
  return kExitOk;
}

int new_key(const std::string& path) {
  const auto config = load_config(path);
  if (!config) return report_error(config.error());
  if (Status made = make_cluster_key(config->key_file); !made) return report_error(made.error());
  fmt::print(
      "{}: written, for root alone. Copy it to {}, and keep it secret: whoever has it can speak "
      "for a node. Then restart the agents.\n",
      config->key_file, config->partner.name);
  return kExitOk;
}

int run_config(const std::string& path, const ConfigOptions& options) {
  if (options.check + options.init + options.new_key != 1) {
    return usage("one of --check, --init and --new-key");
  }
  const bool named = !options.self.empty() || !options.partner.empty();
  if (!options.init && named) return usage("--node and --partner go with --init");
  if (options.new_key) return new_key(path);
  return options.check ? check_config(path) : init_config(path, options);
}

}  // namespace

void add_config_command(Parser& parser, const CommandContext& context) {
  auto options = std::make_shared<ConfigOptions>();
  CliCommand command = parser.command(
      "config",
      "Check the configuration file, write one with a new cluster UUID, or make the links' key");
  command.flag("--check", options->check,
               "Say all that is wrong with it and with the programs that it names");
  command.flag("--init", options->init, "Write one to begin with; never over another");
  command.flag("--new-key", options->new_key,
               "Make the key that both nodes need for their links; never over another");
  command.option("--partner", options->partner, "With --init: the other node's short host name")
      .value_name("NAME");
  command
      .option("--node", options->self,
              "With --init: this node's name (default: its short host name)")
      .value_name("NAME");
  command.runs([&context, options] { return run_config(context.config_path, *options); });
}

}  // namespace lastword
