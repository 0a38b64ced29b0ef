#include "agent/arm/check_run.h"

#include <filesystem>

#include "agent/arm/capture_image.h"
#include "agent/base/executor.h"
#include "agent/disks/intent_log.h"
#include "agent/node/config_check.h"
#include "agent/node/hook_plan.h"
#include "agent/node/state_files.h"
#include "agent/node/watchdog_state.h"

namespace lastword {
namespace {

// What an image for the plan's disks would hold now.
Result<std::vector<KernelModule>> modules_now(const Config& config, const CheckFacts& facts) {
  if (!facts.capture_kernel) return fail(facts.capture_kernel.error());
  std::vector<std::size_t> disks;
  for (const auto& disk : find_plan_disks(facts.armed->plan(), facts.situation->survey)) {
    if (disk) disks.push_back(*disk);
  }
  return modules_for(config, facts.situation->survey, disks, facts.capture_kernel->release);
}

}  // namespace

Result<CheckFacts> gather_check_facts(const Config& config, const Situation& situation) {
  const auto loaded = crash_kernel_loaded();
  if (!loaded) return fail(loaded.error());
  const auto running = inspect_running_kernel();
  if (!running) return fail(running.error());
  // One in the directory that may not be executed is not run, and is a problem here.
  const std::string hook = choose_hook(config.hooks, "service-taken", [](const std::string& path) {
    std::error_code unknown;
    return std::filesystem::exists(path, unknown);
  });
  CheckFacts facts{.config = &config,
                   .situation = &situation,
                   .armed = load_armed_state(config),
                   .crash_kernel_loaded = *loaded,
                   .running_release = running_release(),
                   .running = *running,
                   .capture_kernel = find_capture_kernel(config),
                   .dump_program_crc32c = file_crc32c(config.dump_program),
                   .modules = {},
                   .switches = read_switches(config, situation.survey),
                   .unix_ms = real_executor().unix_ms(),
                   .intent = read_intent(config, situation.survey).intent,
                   .hook = hook,
                   .hook_problem = hook.empty() ? "" : why_not_run(hook)};
  if (!config.watchdog_device.empty()) {
    facts.watchdog_idle = why_watchdog_is_idle(config.watchdog_device);
  }
  if (facts.armed) facts.modules = modules_now(config, facts);
  return facts;
}

}  // namespace lastword
