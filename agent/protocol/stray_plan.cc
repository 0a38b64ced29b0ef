#include "agent/protocol/stray_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/protocol/failure_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/takeover_intent.h"

namespace lastword {
namespace {

// Each of the node's keys on the disk once.
std::vector<ReservationKey> keys_of(const DiskView& disk, const Config& config, std::uint8_t node) {
  std::vector<ReservationKey> keys;
  for (const ReservationKey key : disk.keys) {
    const auto parts = parse_key(key);
    if (!parts || parts->cluster != cluster_key_bits(config.cluster_uuid)) continue;
    if (parts->node == node && std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
  }
  return keys;
}

// A disk of the partner's that this node has not taken.
bool is_partners_own(const DiskView& disk, const Config& config) {
  return in_cluster(disk, config) && disk.label->role() != pb::MAILBOX &&
         disk.label->home_node() == config.partner.id &&
         disk.label->owner_node() != config.self.id && holder_node(disk, config) != config.self.id;
}

bool is_in_service(const DiskView& disk, const Config& config, const NodeState& state) {
  return is_own_disk(disk, config) && !disk.problem && disk.reservations_known &&
         disk.label->owner_node() == config.self.id &&
         disk.label->owner_generation() == state.boot_generation && disk.reservation &&
         disk.reservation->holder == state.key && disk.reservation->type == kOwnerType;
}

// The same disk under the same name.
const DiskView* find_disk(const Survey& survey, const DiskView& wanted) {
  const auto found = std::ranges::find_if(survey.disks, [&](const DiskView& disk) {
    return disk.label && disk.info.path == wanted.info.path &&
           disk.label->disk_uuid() == wanted.label->disk_uuid();
  });
  return found == survey.disks.end() ? nullptr : &*found;
}

// Has the partner begun to take over from any life of this node, without an end that is known? Of
// copies of its intent the last written counts.
bool is_taking_over(const Survey& survey, const Config& config, std::uint32_t own_generation) {
  if (tells_of_lost_vote(survey, config, own_generation)) return true;
  std::vector<pb::TakeoverIntent> copies;
  for (const DiskView& disk : survey.disks) {
    if (!is_mailbox_disk(disk, config)) continue;
    for (const pb::MailboxSlot& slot : disk.mailbox) {
      if (slot.node() == config.partner.id) copies.push_back(slot.intent());
    }
  }
  const auto newest = newest_intent(copies);
  return newest && newest->phase() == pb::TakeoverIntent::TAKING &&
         newest->victim_node() == config.self.id;
}

// Empty: the partner's stray keys may go.
std::string why_they_stay(const Survey& now, const Config& config, const NodeState& state) {
  if (partner_has_taken_over(now, config) || is_taking_over(now, config, state.boot_generation)) {
    return fmt::format(
        "{0} is taking over from this node, or was interrupted at it: `systemctl restart "
        "lastword-agent` there goes on with it, or ends it where this node has begun another life "
        "since; then start again here",
        config.partner.name);
  }
  if (!majority_is_readable(now, config, state.mailbox_disks)) {
    return "a majority of the mailbox disks cannot be read, and they could tell that it is needed";
  }
  return {};
}

bool may_be_stray(const DiskView& disk, const Config& config) {
  if (is_own_disk(disk, config)) return !keys_of(disk, config, config.partner.id).empty();
  return is_partners_own(disk, config) && !keys_of(disk, config, config.self.id).empty();
}

}  // namespace

std::vector<std::size_t> stray_disks(const Survey& survey, const Config& config) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    if (may_be_stray(survey.disks[i], config)) found.push_back(i);
  }
  return found;
}

StrayPlan plan_strays(const Survey& before, const Survey& now, const Config& config,
                      const NodeState& state, const std::optional<pb::TakeoverIntent>& intent) {
  StrayPlan plan;
  // What a takeover of this node has registered, it still needs.
  const bool taking = intent && intent->phase() == pb::TakeoverIntent::TAKING;
  const std::string why = why_they_stay(now, config, state);
  for (std::size_t i = 0; i < now.disks.size(); ++i) {
    const DiskView& disk = now.disks[i];
    if (!may_be_stray(disk, config)) continue;
    const DiskView* earlier = find_disk(before, disk);
    if (earlier == nullptr) continue;
    if (is_partners_own(disk, config)) {
      const bool was = !keys_of(*earlier, config, config.self.id).empty();
      if (was && !taking && disk.reservations_known) plan.withdraw.push_back(i);
      continue;
    }
    auto keys = keys_of(disk, config, config.partner.id);
    std::erase_if(keys, [&](ReservationKey key) { return !is_registered(*earlier, key); });
    if (keys.empty() || !is_in_service(disk, config, state)) continue;
    if (why.empty()) {
      plan.remove.push_back({.disk = i, .keys = std::move(keys)});
      continue;
    }
    for (const ReservationKey key : keys) {
      plan.left.push_back(
          {i, fmt::format("{}'s key {} is registered on it too, and could write there: {}",
                          config.partner.name, to_string(key), why)});
    }
  }
  return plan;
}

}  // namespace lastword
