#include "agent/protocol/remedies.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/protocol/failure_plan.h"
#include "agent/protocol/start_plan.h"

namespace lastword {

std::string_view way_to_wait(const Survey& survey, const Config& config, std::uint32_t life) {
  const bool lost = std::ranges::any_of(survey.disks, [&](const DiskView& disk) {
    return is_own_disk(disk, config) && is_with_partner(disk, config) &&
           disk.label->home_generation() == life;
  });
  return lost ? "stop the service here, and reboot: this node waits for the giveback then"
              : "`lastword halt`, then `lastword start`: this node waits then; or stop the service "
                "and reboot";
}

std::string remedy_of(const Error& problem, const std::string& path) {
  switch (problem.code) {
    case Code::kCorrupt:
      return fmt::format("`lastword inspect {}` shows what is damaged", path);
    case Code::kFutureVersion:
      return "install the lastword that wrote it";
    default:
      return "look at the disk, the adapter and the cabling";
  }
}

std::string remedy_of_stray_partner(const Config& config) {
  return fmt::format(
      "`systemctl restart lastword-agent` on {}: it goes on with its takeover, or ends it where "
      "this node has begun another life since; then `lastword start` here",
      config.partner.name);
}

std::string remedy_of_dead_mailbox(const Config& config) {
  return fmt::format(
      "if it is gone for good, take its line out of {}/mailbox-disks on both nodes, then "
      "`systemctl reload lastword` and `systemctl restart lastword-agent` on both",
      config.persistent_directory);
}

}  // namespace lastword
