#include "agent/disks/known_labels.h"

#include <utility>

namespace lastword {
namespace {

bool same_disk(const DiskInfo& one, const DiskInfo& other) {
  return one.path == other.path && one.description == other.description &&
         one.size_bytes == other.size_bytes && one.is_image == other.is_image;
}

}  // namespace

void KnownLabels::follow(Survey& survey) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Known> known;
  for (DiskView& disk : survey.disks) {
    if (disk.label) {
      known.insert_or_assign(disk.info.path, Known{.info = disk.info, .label = *disk.label});
      continue;
    }
    const auto before = known_.find(disk.info.path);
    if (!disk.problem || before == known_.end() || !same_disk(before->second.info, disk.info)) {
      continue;
    }
    disk.label_before = before->second.label;
    known.insert(*before);
  }
  known_ = std::move(known);
}

}  // namespace lastword
