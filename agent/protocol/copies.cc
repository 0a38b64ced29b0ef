#include "agent/protocol/copies.h"

#include <fmt/format.h>

namespace lastword {
namespace {

bool is_held_by(const DiskView& disk, std::optional<ReservationKey> key) {
  return key && disk.reservation && disk.reservation->holder == *key;
}

}  // namespace

bool is_unheld_copy(const Survey& survey, const Config& config, std::size_t disk,
                    std::optional<ReservationKey> key) {
  const DiskView& view = survey.disks[disk];
  if (!in_cluster(view, config) || is_held_by(view, key)) return false;
  if (holder_node(view, config) == config.partner.id) return false;  // the disk itself, taken
  return disks_with_uuid(survey, config, view.label->disk_uuid()).size() > 1;
}

std::string describe_copy(const Survey& survey, const Config& config, std::size_t disk,
                          std::optional<ReservationKey> key) {
  std::string paths;
  for (const std::size_t copy :
       disks_with_uuid(survey, config, survey.disks[disk].label->disk_uuid())) {
    if (copy == disk) continue;
    const DiskView& other = survey.disks[copy];
    if (is_held_by(other, key)) {
      return fmt::format(
          "a clone or a snapshot of {}, which this node holds: left alone; take it "
          "away, or `wipefs -a` it",
          other.info.path);
    }
    paths += (paths.empty() ? "" : " and ") + other.info.path;
  }
  return fmt::format(
      "carries the same label as {}, and this node holds none of them: take the clone "
      "or snapshot away, then run `lastword start`",
      paths);
}

}  // namespace lastword
