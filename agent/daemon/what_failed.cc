#include "agent/daemon/what_failed.h"

#include <fmt/format.h>

#include "agent/protocol/handover_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/takeover_intent.h"

namespace lastword {

Failure failure_of_panic(const LastSeen& seen, const Config& config, std::size_t index,
                         const EventSink& events) {
  const DiskView& disk = seen.look.survey.disks[index];
  events({.name = "partner-panicked",
          .disk = disk.info.path,
          .detail = fmt::format("{}, boot generation {}", config.partner.name,
                                disk.header.boot_generation()),
          .disk_uuid = disk.label->disk_uuid(),
          .ago = milliseconds(disk.header.elapsed_ms())});
  return {.look = seen.look, .generation = disk.header.boot_generation(), .proven = true};
}

Failure failure_of_left(const LastSeen& seen, const Config& config, std::uint32_t life,
                        const EventSink& events) {
  events({.name = "partner-left",
          .disk = {},
          .detail = fmt::format("{}, life {}, has left its disks to this node", config.partner.name,
                                life)});
  return {.look = seen.look, .generation = life, .released = true};
}

Failure failure_resumed(const LastSeen& seen, const Config& config, const EventSink& events) {
  events({.name = "takeover-resumed", .disk = {}, .detail = describe(*seen.intent)});
  const Survey& survey = seen.look.survey;
  const std::uint32_t victim = seen.intent->victim_generation();
  return {.look = seen.look,
          .generation = victim,
          .proven = seen.intent->proven(),
          .released = has_left(survey, config, newest_of_partner(survey, config), victim),
          .resumed = true};
}

}  // namespace lastword
