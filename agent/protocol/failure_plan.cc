#include "agent/protocol/failure_plan.h"

#include <algorithm>

#include "proto/coredump.h"

namespace lastword {

bool has_panicked(const DiskView& disk, const Config& config, std::uint32_t latest) {
  return in_cluster(disk, config) && disk.label->owner_node() == config.partner.id &&
         is_current(disk.header, *disk.label) && disk.header.boot_generation() >= latest &&
         tells_of_panic(disk.header);
}

bool partner_has_taken_over(const Survey& survey, const Config& config) {
  return std::ranges::any_of(survey.disks, [&](const DiskView& disk) {
    return in_cluster(disk, config) && disk.label->home_node() == config.self.id &&
           (holder_node(disk, config) == config.partner.id ||
            disk.label->owner_node() == config.partner.id);
  });
}

Error taken_over_from() {
  return {.code = Code::kFenced,
          .operation = "takeover",
          .detail =
              "the partner has, or had, taken over from this node: stop the service here, reboot "
              "it, and look at the partner"};
}

}  // namespace lastword
