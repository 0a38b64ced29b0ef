#include "agent/service/switch_run.h"

#include "agent/disks/known_switches.h"
#include "agent/node/locks.h"
#include "agent/node/state_files.h"
#include "agent/node/switches_file.h"
#include "agent/protocol/start_plan.h"

namespace lastword {
namespace {

// A clone is left alone, and so is what it was cloned from.
std::vector<std::size_t> disks_to_tell(const Survey& survey, const Config& config,
                                       const NodeState& state) {
  std::vector<std::size_t> disks;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (!is_mailbox_disk(disk, config) || !is_registered(disk, state.key)) continue;
    if (disks_with_uuid(survey, config, disk.label->disk_uuid()).size() == 1) disks.push_back(i);
  }
  return disks;
}

void tell(const Config& config, const NodeState& state, const Survey& survey,
          const DiskAccess& access, SwitchReport& report) {
  const SlotWriter writer =
      slot_writer(config, state.boot_generation, state.mailbox_disks, access.executor);
  const auto results =
      access.work(survey, disks_to_tell(survey, config, state),
                  [writer, switches = report.switches](
                      const OwnDisk& disk, std::size_t /*position*/) -> Result<pb::CoredumpHeader> {
                    const auto noted = note_switches(
                        {disk.device, disk.metadata_offset, disk.disk_uuid}, writer, switches);
                    if (!noted) return fail(noted.error());
                    return pb::CoredumpHeader();
                  });
  for (const auto& result : results) {
    if (result) {
      ++report.told;
    } else {
      report.problems.push_back(result.error());
    }
  }
}

}  // namespace

Result<SwitchReport> set_switch(const Config& config, const SwitchOrder& order,
                                const DiskAccess& access) {
  const auto lock = lock_state(config);
  if (!lock) return fail(lock.error());
  const auto survey = access.survey();
  if (!survey) return fail(survey.error());
  const auto state = load_node_state(config);
  SwitchReport report;
  report.switches = next_switches(read_switches(config, *survey).switches.own, order.which,
                                  order.asked, state ? state->boot_generation : 0);
  const Status kept = save_switches(config, report.switches);
  report.kept_here = kept.has_value();
  if (!kept) report.problems.push_back(kept.error());
  if (state) tell(config, *state, *survey, access, report);
  if (!report.kept_here && report.told == 0) return fail(report.problems.front());
  return report;
}

}  // namespace lastword
