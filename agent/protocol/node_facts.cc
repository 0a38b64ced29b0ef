#include "agent/protocol/node_facts.h"

#include <algorithm>

#include "agent/protocol/failure_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/start_plan.h"

namespace lastword {
namespace {

bool peer_owns(const DiskView& disk, const Config& config) {
  return disk.label->owner_node() == config.partner.id ||
         holder_node(disk, config) == config.partner.id;
}

bool holds_in_life(const DiskView& disk, const Config& config, std::uint32_t peer_life) {
  return holder_node(disk, config) == config.partner.id &&
         parse_key(disk.reservation->holder)->boot_generation == peer_life;
}

// Did this node have the disk in this life?
bool had(const DiskView& disk, const NodeState& state) {
  return state.boot_generation != 0 && disk.label->home_generation() == state.boot_generation;
}

bool key_is_gone(const DiskView& disk, const NodeState& state) {
  return disk.reservations_known && !is_registered(disk, state.key);
}

bool is_preempted(const Survey& survey, const Config& config, const NodeState& state) {
  const bool intended = tells_of_lost_vote(survey, config, state.boot_generation);
  std::size_t lost_votes = 0;
  for (const DiskView& disk : survey.disks) {
    if (!in_cluster(disk, config) || !key_is_gone(disk, state)) continue;
    if (is_own_disk(disk, config) && had(disk, state) && (intended || peer_owns(disk, config))) {
      return true;
    }
    if (is_mailbox_disk(disk, config) && intended &&
        std::ranges::count(state.mailbox_joined, disk.label->disk_uuid()) > 0) {
      ++lost_votes;
    }
  }
  return 2 * lost_votes > state.mailbox_disks.size();
}

}  // namespace

bool is_on(const Switch& asked, std::int64_t now_unix_ms) {
  return asked.on && (asked.until_unix_ms == 0 || now_unix_ms < asked.until_unix_ms);
}

DiskFacts disk_facts(const Survey& survey, const Config& config, const NodeState& state,
                     const std::optional<pb::TakeoverIntent>& intent,
                     const std::vector<std::string>& promised) {
  DiskFacts facts;
  facts.peer_generation = latest_generation(survey, config, config.partner.id);
  facts.promised = !promised.empty();
  facts.announced = tells_of_lost_vote(survey, config, state.boot_generation);
  facts.announced_earlier =
      announces_takeover_of_earlier_life(survey, config, state.boot_generation);
  facts.preempted = is_preempted(survey, config, state);
  facts.reservations_lost = !facts.preempted && find_lost_reservations(survey, config, state).any();
  facts.mailbox_majority =
      !state.mailbox_disks.empty() && majority_is_readable(survey, config, state.mailbox_disks);
  facts.verdict = judge_intent(intent, survey, config, state.key);
  facts.has_peer_disk = has_partner_disk(survey, config);
  for (const DiskView& disk : survey.disks) {
    if (!in_cluster(disk, config)) continue;
    facts.peer_panicked |= has_panicked(disk, config, facts.peer_generation);
    if (is_own_disk(disk, config)) {
      if (!peer_owns(disk, config) || had(disk, state) ||
          std::ranges::count(promised, disk.label->disk_uuid()) > 0) {
        continue;
      }
      facts.peer_owns_ours = true;
      facts.peer_life_holds_ours |= holds_in_life(disk, config, facts.peer_generation);
    } else if (disk.label->home_node() == config.partner.id) {
      facts.peer_in_service |= disk.label->owner_node() == config.partner.id &&
                               holds_in_life(disk, config, facts.peer_generation);
    }
  }
  return facts;
}

bool takeover_is_open(const NodeFacts& facts) {
  if (!facts.intent || !facts.disks) return false;
  const bool open = facts.intent->phase() == pb::TakeoverIntent::TAKING ||
                    facts.intent->phase() == pb::TakeoverIntent::TAKEN;
  return open && (facts.disks->has_peer_disk || facts.disks->verdict == IntentVerdict::kResume);
}

}  // namespace lastword
