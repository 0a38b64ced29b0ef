#include "agent/service/stop_run.h"

#include <algorithm>

#include "agent/node/locks.h"
#include "agent/node/persistent_files.h"
#include "agent/protocol/start_plan.h"
#include "agent/protocol/takeover_input.h"

namespace lastword {
namespace {

Error may_be_served(const DiskView& disk) {
  return {.code = Code::kRefused,
          .operation = "release",
          .disk = disk.info.path,
          .detail =
              "it did not answer when the service was ended, so that its own may go on: end "
              "that, and run `lastword halt` again"};
}

void release_disks(const Config& config, const NodeState& state, const Survey& survey,
                   const DiskAccess& access, const std::optional<std::vector<std::string>>& ended,
                   StopReport& report) {
  std::vector<std::size_t> disks;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (!is_own_disk(disk, config)) continue;
    // A life that waits has none of those that the partner has.
    if (state.waiting && disk.label->owner_node() == config.partner.id &&
        !is_registered(disk, state.key)) {
      continue;
    }
    if (ended && disk.label->role() == pb::SERVICE && is_registered(disk, state.key) &&
        std::ranges::count(*ended, disk.label->disk_uuid()) == 0) {
      report.not_released.push_back(may_be_served(disk));
      continue;
    }
    disks.push_back(i);
  }
  const std::size_t own_count = disks.size();
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    if (is_mailbox_disk(survey.disks[i], config)) disks.push_back(i);
  }
  const SlotWriter writer =
      slot_writer(config, state.boot_generation, state.mailbox_disks, access.executor);
  const auto results = access.work(
      survey, disks,
      [writer, own_count](const OwnDisk& disk, std::size_t position) -> Result<pb::CoredumpHeader> {
        const Status released = position < own_count ? release_own_disk(disk, writer.member.self)
                                                     : leave_mailbox_disk(disk, writer);
        if (!released) return fail(released.error());
        return pb::CoredumpHeader();
      });
  for (const auto& result : results) {
    if (result) {
      ++report.released;
    } else {
      report.not_released.push_back(result.error());
    }
  }
}

std::vector<std::string> kept_disks(const Config& config, const Survey& survey) {
  std::vector<std::string> paths;
  for (const DiskView& disk : survey.disks) {
    if (in_cluster(disk, config) && disk.label->home_node() == config.partner.id &&
        disk.label->owner_node() == config.self.id) {
      paths.push_back(disk.info.path);
    }
  }
  return paths;
}

Status end_life(const Config& config, const NodeState& state, const StopReport& report) {
  if (!report.kept.empty()) return {};
  if (report.not_released.empty() && report.unreadable.empty()) {
    // Where that fails, the state tells that the life has ended.
    if (forget_life_in_boot(config)) return remove_node_state(config);
  }
  // A disk that is still registered can be released by another stop. The life ends nevertheless: a
  // `start` that went on with it would keep its lost votes.
  NodeState ended = state;
  ended.stopped = true;
  return save_node_state(config, ended);
}

}  // namespace

Result<StopReport> stop_node(const Config& config, const Disarm& disarm, const DiskAccess& access,
                             const std::optional<std::vector<std::string>>& ended) {
  const auto lock = lock_state(config);
  if (!lock) return fail(lock.error());
  // A takeover goes on under the votes that it has won: they are not withdrawn behind its back.
  const auto no_takeover = lock_takeover(config);
  if (!no_takeover) return fail(no_takeover.error());
  StopReport report;
  const auto state = load_last_life(config);
  if (!state) {
    if (state.error().code != Code::kNotFound) return fail(state.error());
    report.outcome = StopOutcome::kNotInService;
    return report;
  }
  const auto survey = access.survey();
  if (!survey) return fail(survey.error());
  // Headers first: a released disk cannot be written any more.
  auto still_armed = disarm(*state, *survey);
  if (!still_armed) {
    report.outcome = StopOutcome::kStillArmed;
    report.disarm_problem = still_armed.error();
    return report;
  }
  report.still_armed = std::move(*still_armed);
  release_disks(config, *state, *survey, access, ended, report);
  report.unreadable = unreadable_disks(*survey);
  report.kept = kept_disks(config, *survey);
  report.state_kept = end_life(config, *state, report);
  return report;
}

}  // namespace lastword
