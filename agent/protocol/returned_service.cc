#include "agent/protocol/returned_service.h"

#include <algorithm>
#include <string>

namespace lastword {
namespace {

// As it is, or as it was when it could be read.
const pb::Label* known_label(const DiskView& disk) {
  if (disk.label) return &*disk.label;
  return disk.label_before ? &*disk.label_before : nullptr;
}

}  // namespace

ReturnedService returned_service(const Survey& survey, const Config& config,
                                 const NodeState& state) {
  ReturnedService service;
  const auto is_held = [&](const DiskView& disk) {
    return disk.label && disk.reservation && disk.reservation->holder == state.key;
  };
  // By another path, or a clone beside it.
  const auto is_held_elsewhere = [&](const std::string& uuid) {
    return std::ranges::any_of(survey.disks, [&](const DiskView& disk) {
      return is_held(disk) && disk.label->disk_uuid() == uuid;
    });
  };
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    const pb::Label* label = known_label(disk);
    if (label == nullptr || label->cluster_uuid() != config.cluster_uuid ||
        label->role() != pb::SERVICE || label->home_node() != config.self.id) {
      continue;
    }
    if (is_held(disk)) {
      service.held.push_back(i);
    } else if (!is_held_elsewhere(label->disk_uuid())) {
      service.missing.push_back(i);
    }
  }
  return service;
}

}  // namespace lastword
