#include "agent/protocol/failure_plan.h"

#include <algorithm>

#include "proto/coredump.h"

namespace lastword {

bool has_panicked(const DiskView& disk, const Config& config, std::uint32_t latest) {
  return in_cluster(disk, config) && disk.label->owner_node() == config.partner.id &&
         is_current(disk.header, *disk.label) && disk.header.boot_generation() >= latest &&
         tells_of_panic(disk.header);
}

bool was_interrupted(const std::vector<DiskView>& disks, const Config& config, ReservationKey own) {
  const auto mine = [&](const DiskView& disk) {
    return holder_node(disk, config) == config.self.id;
  };
  const auto unfinished = [&](const DiskView& disk) {
    return !mine(disk) || disk.reservation->holder != own ||
           disk.label->owner_node() != config.self.id || tells_of_panic(disk.header);
  };
  return std::any_of(disks.begin(), disks.end(), mine) &&
         std::any_of(disks.begin(), disks.end(), unfinished);
}

}  // namespace lastword
