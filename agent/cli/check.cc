// lastword check: one screen and an exit status.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "agent/arm/capture_image.h"
#include "agent/arm/check_plan.h"
#include "agent/cli/command.h"

namespace lastword {
namespace {

void print_report(const Config& config, const pb::CheckReport& report) {
  fmt::print("A crash of {} now would {}be dumped.\n", config.self.name,
             report.would_dump() ? "" : "NOT ");
  for (const pb::CheckedCandidate& row : report.candidates()) {
    fmt::print("  {}. {:<12} {}: {}\n", row.rank(),
               row.disk().empty() ? row.disk_uuid() : row.disk(),
               row.valid() ? "ready" : "passed over", row.reason());
  }
  fmt::print(
      "{} would {}take over: {} of {} service disks in service, mailbox disks {}/{} here, "
      "{}/{} there.\n",
      config.partner.name, report.would_be_taken_over() ? "" : "NOT ",
      report.service_disks_in_service(), report.service_disks(), report.mailbox_registered(),
      report.mailbox_disks(), report.mailbox_partner_registered(), report.mailbox_disks());
  for (const pb::CheckProblem& problem : report.problems()) {
    fmt::print("NO: {} -> {}\n", problem.what(), problem.advice());
  }
  for (const std::string& note : report.notes()) fmt::print("note: {}\n", note);
}

// What an image for the plan's disks would hold now.
Result<std::vector<KernelModule>> modules_now(const Config& config, const CheckFacts& facts) {
  if (!facts.capture_kernel) return fail(facts.capture_kernel.error());
  std::vector<std::size_t> disks;
  for (const auto& disk : find_plan_disks(facts.armed->plan(), facts.situation->survey)) {
    if (disk) disks.push_back(*disk);
  }
  return modules_for(config, facts.situation->survey, disks, facts.capture_kernel->release);
}

std::string hook_problem(const Config& config) {
  const std::string& hook = config.hooks.service_taken;
  if (hook.empty() || ::access(hook.c_str(), X_OK) == 0) return {};
  return strerrordesc_np(errno);
}

int run_check(const std::string& config_path, bool json) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const auto situation = assess_situation(*config);
  if (!situation) return report_error(situation.error());
  const auto loaded = crash_kernel_loaded();
  if (!loaded) return report_error(loaded.error());
  const auto running = inspect_running_kernel();
  if (!running) return report_error(running.error());
  CheckFacts facts{.config = &*config,
                   .situation = &*situation,
                   .armed = load_armed_state(*config),
                   .crash_kernel_loaded = *loaded,
                   .running_release = running_release(),
                   .running = *running,
                   .capture_kernel = find_capture_kernel(*config),
                   .dump_program_crc32c = file_crc32c(config->dump_program),
                   .modules = {},
                   .hook_problem = hook_problem(*config)};
  if (facts.armed) facts.modules = modules_now(*config, facts);
  const pb::CheckReport report = check_node(facts);
  if (json) {
    print_json(report);
  } else {
    print_report(*config, report);
  }
  return report.problems().empty() ? kExitOk : kExitNo;
}

}  // namespace

void add_check_command(Parser& parser, const CommandContext& context) {
  auto json = std::make_shared<bool>(false);
  CliCommand command =
      parser.command("check", "Would a crash now be dumped and taken over? If not, say why");
  command.flag("--json", *json, "Print the answer as JSON");
  command.runs([&context, json] { return run_check(context.config_path, *json); });
}

}  // namespace lastword
