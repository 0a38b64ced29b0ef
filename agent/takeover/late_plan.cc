#include "agent/takeover/late_plan.h"

#include <algorithm>

#include "agent/protocol/takeover_input.h"

namespace lastword {

LatePlan::LatePlan(const Config& config, const NodeState& state, const Survey& first)
    : config_(config), state_(state), latest_(first) {
  for (const DiskView& disk : partner_disks(first, config)) {
    taken_uuids_.insert(disk.label->disk_uuid());
  }
  for (const DiskView& disk : first.disks) {
    if (!may_be_taken_late(disk, config_, state_, taken_uuids_) || !disk.label_before) continue;
    if (disk.label_before->role() != pb::SERVICE) continue;
    expected_service_.emplace(disk.info.path, disk.label_before->disk_uuid());
  }
  nothing_is_late_ = !wants_look();
}

bool LatePlan::wants_look() const {
  return std::ranges::any_of(latest_.disks, [this](const DiskView& disk) {
    return may_be_taken_late(disk, config_, state_, taken_uuids_);
  });
}

std::vector<DiskView> LatePlan::service_in(const Survey& survey) {
  latest_ = survey;
  auto late = late_disks(survey, config_, state_, taken_uuids_);
  std::erase_if(late, [](const DiskView& disk) { return disk.label->role() != pb::SERVICE; });
  return take(std::move(late));
}

std::vector<DiskView> LatePlan::rest_in(const Survey& survey) {
  latest_ = survey;
  return take(late_disks(survey, config_, state_, taken_uuids_));
}

std::vector<DiskView> LatePlan::take(std::vector<DiskView> disks) {
  for (const DiskView& disk : disks) taken_uuids_.insert(disk.label->disk_uuid());
  expect_no_more();
  return disks;
}

// The device shows a label, and it is none of a disk that is taken.
void LatePlan::expect_no_more() {
  no_part_of_it_.clear();
  for (const DiskView& disk : latest_.disks) {
    if (!disk.label || taken_uuids_.contains(disk.label->disk_uuid())) continue;
    if (expected_service_.erase(disk.info.path) > 0) no_part_of_it_.push_back(disk.info.path);
  }
}

}  // namespace lastword
