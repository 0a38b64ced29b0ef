#include "agent/daemon/what_failed.h"

#include <fmt/format.h>

#include "agent/protocol/handover_plan.h"
#include "agent/protocol/takeover_intent.h"

namespace lastword {
namespace {

void tell_resumed(const pb::TakeoverIntent& intent, const EventSink& events) {
  events({.name = "takeover-resumed", .disk = {}, .detail = describe(intent)});
}

}  // namespace

Failure failure_of_panic(const LastSeen& seen, const Config& config, std::size_t index,
                         const EventSink& events) {
  const DiskView& disk = seen.look.survey.disks[index];
  const std::uint32_t life = disk.header.boot_generation();
  const bool resumed = seen.intent && seen.intent->phase() == pb::TakeoverIntent::TAKING &&
                       seen.intent->victim_generation() == life;
  if (resumed) tell_resumed(*seen.intent, events);
  events({.name = "partner-panicked",
          .disk = disk.info.path,
          .detail = fmt::format("{}, life {}", config.partner.name, life),
          .disk_uuid = disk.label->disk_uuid(),
          .ago = milliseconds(disk.header.elapsed_ms())});
  return {.look = seen.look, .generation = life, .proven = true, .resumed = resumed};
}

Failure failure_of_left(const LastSeen& seen, const Config& config, std::uint32_t life,
                        const EventSink& events) {
  events({.name = "partner-left",
          .disk = {},
          .detail = fmt::format("{}, life {}, has left its disks to this node", config.partner.name,
                                life)});
  return {.look = seen.look, .generation = life, .released = true};
}

Failure failure_resumed(const LastSeen& seen, const Config& config,
                        const std::optional<pb::MailboxSlot>& heard, const EventSink& events) {
  tell_resumed(*seen.intent, events);
  const Survey& survey = seen.look.survey;
  const std::uint32_t victim = seen.intent->victim_generation();
  return {.look = seen.look,
          .generation = victim,
          .proven = seen.intent->proven(),
          .released = has_left(survey, config, heard, victim),
          .resumed = true};
}

}  // namespace lastword
