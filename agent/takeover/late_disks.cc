#include "agent/takeover/late_disks.h"

#include "agent/protocol/takeover_input.h"

namespace lastword {

LateDisks::LateDisks(const Config& config, const Survey& first, Work work)
    : config_(config),
      work_(std::move(work)),
      none_(unreadable_disks(first).empty()),
      latest_(first) {
  for (const SurveyedDisk& disk : partner_disks(first, config)) {
    had_.insert(disk.label->disk_uuid());
  }
}

bool LateDisks::look() {
  auto again = work_.look();
  if (again) latest_ = std::move(*again);
  return again.has_value();
}

void LateDisks::take(std::vector<SurveyedDisk> disks) {
  if (disks.empty()) return;
  for (const SurveyedDisk& disk : disks) had_.insert(disk.label->disk_uuid());
  add(work_.take(std::move(disks)), report_);
}

void LateDisks::take_service() {
  while (!unreadable_disks(latest_).empty() && work_.wait()) {
    if (!look()) return;
    auto late = late_disks(latest_, config_, had_);
    std::erase_if(late, [](const auto& disk) { return disk.label->role() != pb::SERVICE; });
    take(std::move(late));
  }
}

TakeoverReport LateDisks::take_rest() {
  if (!none_ && look()) take(late_disks(latest_, config_, had_));
  add_unreadable(latest_, report_);
  return std::move(report_);
}

}  // namespace lastword
