// lastword arm: chooses the disks for a dump, builds the capture image and loads it.
#include <fmt/format.h>

#include "agent/arm/arm_run.h"
#include "agent/cli/agent_notice.h"
#include "agent/cli/command.h"
#include "agent/cli/interruption.h"
#include "agent/cli/kept_event.h"
#include "agent/node/config_file.h"
#include "agent/node/locks.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

int run_arm(const std::string& config_path) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const AgentNotice notice(*config);
  const Interruption interruption(
      "interrupted: the node is armed as before or anew, unless the kernel was just loading the "
      "image; `lastword arm` again clears up, `lastword check` says how it is");
  const auto lock = lock_state(*config, real_executor(), kPatienceWithCommand);
  if (!lock) return report_error(lock.error());
  auto situation = assess_situation(*config);
  if (!situation) return report_error(situation.error());
  const auto report = arm_node(*config, *situation, real_crash_kernel());
  if (!report) {
    const int status = report_error(report.error());
    // No candidate, or `lastword start` has not run: the answer is no, nothing broke.
    return report.error().code == Code::kNotFound ? kExitNo : status;
  }
  std::uint32_t rank = 0;
  for (const std::size_t index : report->disks) {
    const DiskView& disk = situation->survey.disks[index];
    fmt::print("{}: armed, rank {} ({}, {}; {})\n", disk.info.path, ++rank,
               name_of(disk.label->role()), format_bytes(disk.label->data_length_bytes()),
               name_of(fit_of(disk.label->data_length_bytes(), situation->policy.memory)));
  }
  fmt::print("Capture image loaded: {}, {} modules, kernel {}.\n",
             format_bytes(report->armed.image_bytes()), report->armed.plan().modules_size(),
             report->armed.capture_kernel());
  if (!report->note.empty()) fmt::print("note: {}\n", report->note);
  keep_event(*config, "arm",
             {.name = "armed",
              .disk = {},
              .detail = fmt::format("{} disks, {} remarks", report->disks.size(),
                                    report->remarks.size())});
  // Armed all the same: status 1 says that nothing is.
  for (const std::string& remark : report->remarks) complain("lastword: armed, but: {}\n", remark);
  return kExitOk;
}

}  // namespace

void add_arm_command(Parser& parser, const CommandContext& context) {
  CliCommand command =
      parser.command("arm", "Prepare for a crash: choose disks, build the capture image, load it");
  command.runs([&context] { return run_arm(context.config_path); });
}

}  // namespace lastword
