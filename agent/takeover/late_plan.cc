#include "agent/takeover/late_plan.h"

#include "agent/protocol/takeover_input.h"

namespace lastword {

LatePlan::LatePlan(const Config& config, const Survey& first)
    : config_(config), all_readable_(unreadable_disks(first).empty()), latest_(first) {
  for (const DiskView& disk : partner_disks(first, config)) {
    taken_uuids_.insert(disk.label->disk_uuid());
  }
}

bool LatePlan::wants_look() const {
  return !unreadable_disks(latest_).empty();
}

std::vector<DiskView> LatePlan::service_in(const Survey& survey) {
  latest_ = survey;
  auto late = late_disks(survey, config_, taken_uuids_);
  std::erase_if(late, [](const DiskView& disk) { return disk.label->role() != pb::SERVICE; });
  return take(std::move(late));
}

std::vector<DiskView> LatePlan::rest_in(const Survey& survey) {
  latest_ = survey;
  return take(late_disks(survey, config_, taken_uuids_));
}

std::vector<DiskView> LatePlan::take(std::vector<DiskView> disks) {
  for (const DiskView& disk : disks) taken_uuids_.insert(disk.label->disk_uuid());
  return disks;
}

}  // namespace lastword
