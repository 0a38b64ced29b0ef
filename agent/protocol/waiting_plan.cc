#include "agent/protocol/waiting_plan.h"

#include <algorithm>

#include "agent/protocol/failure_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/ownership.h"
#include "agent/protocol/start_plan.h"

namespace lastword {
namespace {

bool is_had(const DiskView& disk, const NodeState& state) {
  return disk.label->owner_node() == disk.label->home_node() &&
         disk.label->owner_generation() == state.boot_generation;
}

// A disk of this node's service that this life never had.
bool may_still_be_with_partner(const DiskView& disk, const Config& config, const NodeState& state) {
  return was_own_service_disk(disk, config) &&
         disk.label_before->home_generation() != state.boot_generation;
}

// The partner's intent against an earlier life is open: a disk that is out of sight may be its.
// Where nothing tells of its intent, a disk that cannot be told may.
bool may_claim(const Survey& survey, const Config& config, const NodeState& state,
               bool some_unknown, bool may_be_coming) {
  const auto slot = newest_of_partner(survey, config);
  if (!slot) return some_unknown;
  if (!may_be_coming) return false;
  const auto phase = slot->intent().phase();
  return (phase == pb::TakeoverIntent::TAKING || phase == pb::TakeoverIntent::TAKEN ||
          phase == pb::TakeoverIntent::RETURNING) &&
         slot->intent().victim_node() == config.self.id &&
         slot->intent().victim_generation() < state.boot_generation;
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
  // The partner has won against this life too: it takes nothing any more, whatever was promised.
  if (tells_of_lost_vote(survey, config, state.boot_generation)) return step;
  bool partner_has_some = false;
  bool some_unknown = false;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    // One that cannot be told may be among those that the partner has.
    if (!disk.label && disk.problem) some_unknown = true;
    if (!config.incomplete_service && may_still_be_with_partner(disk, config, state)) {
      step.unreadable.push_back(i);
    }
    if (!is_own_disk(disk, config)) continue;
    if (!disk.reservations_known) some_unknown = true;
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
  const bool waits_for_partner =
      partner_has_some || may_claim(survey, config, state, some_unknown, may_be_coming);
  if (!step.promised.empty()) {
    step.next = NextWhileWaiting::kReceive;
  } else if (!waits_for_partner && step.unreadable.empty()) {
    step.next = NextWhileWaiting::kEnterService;
  }
  if (waits_for_partner || !step.promised.empty()) step.unreadable.clear();
  return step;
}

}  // namespace lastword
