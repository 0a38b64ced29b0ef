// lastword disable, enable, no-takeover: what an operator forbids both nodes to do by themselves.
#include <fmt/format.h>

#include <memory>

#include "agent/base/executor.h"
#include "agent/base/utc.h"
#include "agent/cli/agent_notice.h"
#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/node/config_file.h"
#include "agent/service/switch_run.h"
#include "proto/duration.h"
#include "proto/timing.h"

namespace lastword {
namespace {

struct SwitchOptions {
  std::string time;  // of --for; empty: for good
  bool off = false;
};

std::string described(const Config& config, OperatorSwitch which, const Switch& asked) {
  const std::string end =
      asked.until_unix_ms == 0 ? "" : fmt::format(" until {}", utc_time(asked.until_unix_ms));
  if (which == OperatorSwitch::kDisable) {
    return asked.on
               ? fmt::format("neither node takes over by itself{}; `lastword enable` ends that",
                             end)
               : "both nodes take over by themselves again, as far as this node's operator says";
  }
  return asked.on ? fmt::format(
                        "{} does not take over from {} by itself{}; `lastword no-takeover "
                        "--off` ends that",
                        config.partner.name, config.self.name, end)
                  : fmt::format("{} takes over from {} by itself again", config.partner.name,
                                config.self.name);
}

int print_switch(const Config& config, const SwitchOrder& order, const SwitchReport& report) {
  for (const Error& problem : report.problems) {
    complain("lastword: not written: {}\n", describe(problem));
  }
  fmt::print("{}: {}.\n", config.self.name, described(config, order.which, order.asked));
  if (!report.kept_here) {
    complain("lastword: it is on the mailbox disks only\n");
  }
  if (report.told == 0) {
    const bool both = order.which == OperatorSwitch::kDisable;
    complain(
        "lastword: {0} does not learn of it: this node is registered on no mailbox disk that could "
        "be written. {1} on {0}, or `lastword start` here and this command again\n",
        config.partner.name, both ? "Run it" : "`lastword disable` and `enable` do the same");
  }
  return report.kept_here && report.told > 0 ? kExitOk : kExitNo;
}

int run_switch(const std::string& config_path, OperatorSwitch which, bool on,
               const SwitchOptions& options) {
  Switch asked{.on = on};
  if (!options.time.empty()) {
    const auto time = parse_duration(options.time);
    if (!time || time->count() == 0) {
      return report_error({.code = Code::kUsage,
                           .operation = "--for",
                           .detail = fmt::format("\"{}\": wanted is {}, more than none",
                                                 options.time, kDurationGrammar)});
    }
    asked.until_unix_ms = real_executor().unix_ms() + time->count();
  }
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const AgentNotice notice(*config);
  const Interruption interruption(
      "interrupted: some copies may say so already; the same command again, or the one that takes "
      "it back, makes them one");
  const SwitchOrder order{.which = which, .asked = asked};
  const auto report = set_switch(*config, order, disks_of_this_machine(*config));
  if (!report) return report_error(report.error());
  return print_switch(*config, order, *report);
}

}  // namespace

void add_switch_commands(Parser& parser, const CommandContext& context) {
  const auto options = std::make_shared<SwitchOptions>();
  const auto add_time = [&](CliCommand& command) {
    return command.option("--for", options->time, "Only for so long, as 30min (default: for good)")
        .value_name("TIME");
  };
  CliCommand disable = parser.command(
      "disable",
      "Neither node takes over by itself, not even after a panic, until `lastword enable`");
  add_time(disable);
  disable.runs([&context, options] {
    return run_switch(context.config_path, OperatorSwitch::kDisable, true, *options);
  });
  CliCommand enable = parser.command(
      "enable", "End `lastword disable` of this node; one that was said on the partner stays");
  enable.runs([&context, options] {
    return run_switch(context.config_path, OperatorSwitch::kDisable, false, *options);
  });
  CliCommand no_takeover = parser.command(
      "no-takeover",
      "Keep the partner from taking over from this node by itself; this node still takes over from "
      "the partner");
  const CliOption time = add_time(no_takeover);
  no_takeover.flag("--off", options->off, "End that: the partner takes over by itself again")
      .excludes(time);
  no_takeover.runs([&context, options] {
    return run_switch(context.config_path, OperatorSwitch::kNoTakeover, !options->off, *options);
  });
}

}  // namespace lastword
