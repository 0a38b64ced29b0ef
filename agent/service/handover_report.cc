#include "agent/service/handover_report.h"

namespace lastword {

std::vector<HandoverReport::Disk> handover_rows(const Survey& survey, const Config& config) {
  std::vector<HandoverReport::Disk> rows;
  for (const std::size_t index : own_disks(survey, config)) {
    const DiskView& disk = survey.disks[index];
    rows.push_back({.path = disk.info.path,
                    .uuid = disk.label->disk_uuid(),
                    .role = disk.label->role(),
                    .outcome = partner_owns_and_holds(disk, config) ? "left" : "kept"});
  }
  return rows;
}

HandoverReport forecast_handover(const Survey& survey, const Config& config, const NodeState& state,
                                 const HandoverPlan& plan) {
  HandoverReport report{.disks = handover_rows(survey, config),
                        .vetoes = objections(survey, plan.vetoes),
                        .complete = plan.vetoes.empty()};
  for (std::size_t i = 0; i < report.disks.size(); ++i) {
    report.disks[i].outcome =
        is_here(survey.disks[plan.own[i]], config, state.key) ? "would be left" : "not at all";
  }
  return report;
}

}  // namespace lastword
