#include "agent/protocol/waiting_plan.h"

#include <algorithm>

#include "agent/protocol/mailbox.h"
#include "agent/protocol/ownership.h"
#include "agent/protocol/start_plan.h"

namespace lastword {
namespace {

bool is_had(const DiskView& disk, const NodeState& state) {
  return disk.label->owner_node() == disk.label->home_node() &&
         disk.label->owner_generation() == state.boot_generation;
}

bool is_with_partner(const DiskView& disk, const Config& config) {
  return disk.label->owner_node() == config.partner.id ||
         holder_node(disk, config) == config.partner.id;
}

}  // namespace

bool all_joined(const Survey& survey, const Config& config, const NodeState& state) {
  return std::ranges::all_of(survey.disks, [&](const DiskView& disk) {
    return !is_mailbox_disk(disk, config) || !disk.reservations_known ||
           is_registered(disk, state.key);
  });
}

bool has_received(const Survey& survey, const Config& config, const NodeState& state) {
  return std::ranges::any_of(survey.disks, [&](const DiskView& disk) {
    return is_own_disk(disk, config) && is_had(disk, state);
  });
}

WaitingStep next_while_waiting(const Survey& survey, const Config& config, const NodeState& state,
                               bool may_be_coming) {
  WaitingStep step;
  bool partner_has_some = false;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    // One whose label cannot be read may be among those that the partner has.
    if (!disk.label && disk.problem) partner_has_some = true;
    if (!is_own_disk(disk, config)) continue;
    if (!disk.reservations_known) partner_has_some = true;
    if (!is_with_partner(disk, config)) continue;
    partner_has_some = true;
    // What an earlier life had preempted is no more the partner's to give.
    const bool half_received = disk.label->promised_node() == config.self.id &&
                               holder_node(disk, config) == config.self.id;
    if (half_received || is_promised_to(*disk.label, config.self.id, state.boot_generation)) {
      step.promised.push_back(i);
    }
  }
  std::ranges::stable_partition(step.promised, [&](std::size_t disk) {
    return survey.disks[disk].label->role() != pb::SERVICE;
  });
  if (!step.promised.empty()) {
    step.next = NextWhileWaiting::kReceive;
  } else if (!partner_has_some) {
    const bool announced =
        announces_takeover_of_earlier_life(survey, config, state.boot_generation) ||
        tells_of_lost_vote(survey, config, state.boot_generation);
    const bool waits = announced && may_be_coming && !has_received(survey, config, state);
    step.next = waits ? NextWhileWaiting::kWait : NextWhileWaiting::kEnterService;
  }
  return step;
}

pb::NodePhase present_phase(const NodeState& state, bool has_received,
                            const std::optional<pb::TakeoverIntent>& intent, Standing partner) {
  if (state.stopped) return pb::PHASE_CLEAN;
  if (state.handed_over) return pb::PHASE_HANDED_OVER;
  if (state.waiting) return has_received ? pb::PHASE_RECEIVING : pb::PHASE_WAITING;
  const auto phase = intent ? intent->phase() : pb::TakeoverIntent::NONE;
  if (phase == pb::TakeoverIntent::ANNOUNCED) return pb::PHASE_ARBITRATING;
  if (phase == pb::TakeoverIntent::TAKING) return pb::PHASE_TAKING;
  if (phase == pb::TakeoverIntent::TAKEN) return pb::PHASE_SERVING;
  if (phase == pb::TakeoverIntent::RETURNING) return pb::PHASE_GIVING_BACK;
  if (partner == Standing::kUnseen) return pb::PHASE_UNSEEN;
  return partner == Standing::kHeard ? pb::PHASE_PAIRED : pb::PHASE_SUSPECT;
}

}  // namespace lastword
