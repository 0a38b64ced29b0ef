// lastword stop: hands this node's disks back, cleanly.
#include <fmt/format.h>

#include "agent/arm/arm_run.h"
#include "agent/cli/command.h"
#include "agent/disks/disk_work.h"
#include "agent/protocol/start_plan.h"
#include "agent/protocol/takeover_input.h"

namespace lastword {
namespace {

// Headers first: a released disk can not be written any more. Returns the exit status that keeps
// `stop` from going on, or nothing.
std::optional<int> disarm_first(const Config& config, const NodeState& state,
                                const Survey& survey) {
  const auto report = disarm_node(config, state, survey, running_kernel());
  if (!report) {
    report_error(report.error());
    fmt::print(stderr, "lastword: still armed, so nothing was released\n");
    return kExitRefused;
  }
  for (const Error& error : report->leftovers) report_error(error);
  return std::nullopt;
}

int release(const Config& config, const NodeState& state, const Survey& survey) {
  std::vector<std::size_t> disks;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    if (is_own_disk(survey.disks[i], config)) disks.push_back(i);
  }
  const std::size_t own_count = disks.size();
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    if (is_mailbox_disk(survey.disks[i], config)) disks.push_back(i);
  }
  const OwnerIdentity self = own_identity(config, state.boot_generation);
  const auto results = work_on_disks(
      survey, disks, config.timing.settings.io_timeout,
      [self, own_count](const OwnDisk& disk, std::size_t position) -> Result<pb::CoredumpHeader> {
        const Status released =
            position < own_count ? release_own_disk(disk, self) : leave_mailbox_disk(disk, self);
        if (!released) return fail(released.error());
        return pb::CoredumpHeader();
      });
  std::size_t failed = 0;
  for (const auto& result : results) {
    if (result) continue;
    ++failed;
    fmt::print(stderr, "lastword: not released: {}\n", describe(result.error()));
  }
  const std::size_t released = disks.size() - failed;
  for (const DiskView& disk : unreadable_disks(survey)) {
    ++failed;
    fmt::print(stderr, "lastword: not released: {}: cannot tell whether it is this node's: {}\n",
               disk.info.path, describe(*disk.problem));
  }
  std::size_t kept = 0;
  for (const DiskView& disk : survey.disks) {
    if (in_cluster(disk, config) && disk.label->home_node() == config.partner.id &&
        disk.label->owner_node() == config.self.id) {
      ++kept;
      fmt::print("{}: kept, it belongs to {} and was taken over\n", disk.info.path,
                 config.partner.name);
    }
  }
  fmt::print("{}: {} disks released, {} not.\n", config.self.name, released, failed);
  if (kept != 0) return failed == 0 ? kExitOk : kExitNo;
  if (failed != 0) {
    // What is still registered can be released by another stop. It must not keep `start` in this
    // life, where votes that were lost stay lost.
    NodeState ended = state;
    ended.stopped = true;
    const Status saved = save_node_state(config, ended);
    return saved ? kExitNo : report_error(saved.error());
  }
  const Status ended = remove_node_state(config);
  return ended ? kExitOk : report_error(ended.error());
}

int run_stop(const std::string& config_path) {
  const auto config = load_config(config_path);
  if (!config) return report_error(config.error());
  const auto lock = lock_state(*config);
  if (!lock) return report_error(lock.error());
  const auto state = load_last_life(*config);
  if (!state) {
    if (state.error().code != Code::kNotFound) return report_error(state.error());
    fmt::print("{}: not in service since boot; nothing to stop.\n", config->self.name);
    return kExitOk;
  }
  const auto survey = survey_disks(*config);
  if (!survey) return report_error(survey.error());
  if (const auto refused = disarm_first(*config, *state, *survey)) return *refused;
  return release(*config, *state, *survey);
}

}  // namespace

void add_stop_command(Parser& parser, const CommandContext& context) {
  CliCommand command =
      parser.command("stop", "Disarm, and release this node's disks for a clean shutdown");
  command.runs([&context] { return run_stop(context.config_path); });
}

}  // namespace lastword
