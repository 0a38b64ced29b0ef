#include "agent/protocol/takeover_intent.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/protocol/handover_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/takeover_input.h"

namespace lastword {

std::optional<pb::TakeoverIntent> newest_intent(std::span<const pb::TakeoverIntent> copies) {
  const auto newest = std::ranges::max_element(copies, {}, &pb::TakeoverIntent::number);
  if (newest == copies.end() || newest->phase() == pb::TakeoverIntent::NONE) return std::nullopt;
  return *newest;
}

pb::TakeoverIntent next_intent(const std::optional<pb::TakeoverIntent>& before, IntentPhase phase,
                               std::uint8_t victim_node, std::uint32_t victim_generation) {
  pb::TakeoverIntent intent;
  intent.set_phase(phase);
  intent.set_victim_node(victim_node);
  intent.set_victim_generation(victim_generation);
  intent.set_number(before ? before->number() + 1 : 1);
  intent.set_automatic_returns(before ? before->automatic_returns() : 0);
  return intent;
}

bool has_partner_disk(const Survey& survey, const Config& config) {
  return std::ranges::any_of(survey.disks, [&](const DiskView& disk) {
    return in_cluster(disk, config) && disk.label->home_node() == config.partner.id &&
           (disk.label->owner_node() == config.self.id ||
            holder_node(disk, config) == config.self.id);
  });
}

bool has_disk_of_life(const Survey& survey, const Config& config, std::uint32_t life) {
  return std::ranges::any_of(survey.disks, [&](const DiskView& disk) {
    return in_cluster(disk, config) && disk.label->home_node() == config.partner.id &&
           disk.label->owner_node() == config.self.id && disk.label->home_generation() == life;
  });
}

bool owns_all_of_partner(const Survey& survey, const Config& config) {
  const auto disks = partner_disks(survey, config);
  if (disks.empty() || !unreadable_disks(survey).empty()) return false;
  return std::ranges::all_of(disks, [&](const DiskView& disk) {
    return disk.label->home_node() == config.partner.id &&
           disk.label->owner_node() == config.self.id && disk.label->promised_node() == 0 &&
           holder_node(disk, config) == config.self.id;
  });
}

IntentVerdict judge_intent(const std::optional<pb::TakeoverIntent>& intent, const Survey& survey,
                           const Config& config, ReservationKey own) {
  const bool open = intent && intent->phase() != pb::TakeoverIntent::NONE &&
                    intent->phase() != pb::TakeoverIntent::ENDED;
  if (!open || intent->victim_node() != config.partner.id) return IntentVerdict::kNothing;
  if (intent->phase() == pb::TakeoverIntent::ANNOUNCED) return IntentVerdict::kCalledOff;
  const bool returning = intent->phase() == pb::TakeoverIntent::RETURNING;
  const std::uint32_t latest = latest_serving_generation(survey, config, config.partner.id);
  if (latest > intent->victim_generation() && !(returning && has_partner_disk(survey, config))) {
    return IntentVerdict::kEnded;
  }
  if (intent->phase() == pb::TakeoverIntent::TAKING) return IntentVerdict::kResume;
  if (returning) return IntentVerdict::kNothing;  // find_borrowed() keeps what is still here
  const auto held_by_an_earlier_life = [&](const DiskView& disk) {
    return disk.label->owner_node() == config.self.id &&
           holder_node(disk, config) == config.self.id && disk.reservation->holder != own;
  };
  return std::ranges::any_of(partner_disks(survey, config), held_by_an_earlier_life) ||
                 !left_with_victim(survey, config, own, intent).empty()
             ? IntentVerdict::kResume
             : IntentVerdict::kNothing;
}

bool is_left_with_victim(const DiskView& disk, const Config& config, ReservationKey own,
                         const std::optional<pb::TakeoverIntent>& intent) {
  const bool begun = intent && intent->victim_node() == config.partner.id &&
                     (intent->phase() == pb::TakeoverIntent::TAKING ||
                      intent->phase() == pb::TakeoverIntent::TAKEN);
  if (!begun || !in_cluster(disk, config) || disk.label->role() == pb::MAILBOX) return false;
  const auto life = parse_key(own);
  const bool had = !life || disk.label->home_generation() == life->boot_generation;
  if (disk.label->home_node() != config.self.id || had) return false;
  const bool owned = disk.label->owner_node() == config.partner.id;
  const bool held = holder_node(disk, config) == config.partner.id;
  if (owned && disk.label->owner_generation() > intent->victim_generation()) return false;
  if (held && parse_key(disk.reservation->holder)->boot_generation > intent->victim_generation()) {
    return false;
  }
  return owned || held;
}

std::vector<std::string> left_with_victim(const Survey& survey, const Config& config,
                                          ReservationKey own,
                                          const std::optional<pb::TakeoverIntent>& intent) {
  std::vector<std::string> uuids;
  for (const DiskView& disk : survey.disks) {
    if (!is_left_with_victim(disk, config, own, intent)) continue;
    uuids.push_back(disk.label->disk_uuid());
  }
  return uuids;
}

namespace {

// The partner's life that this node has disks of.
std::uint32_t life_borrowed(const Survey& survey, const Config& config) {
  std::uint32_t life = 0;
  for (const DiskView& disk : survey.disks) {
    if (!in_cluster(disk, config) || disk.label->home_node() != config.partner.id) continue;
    if (disk.label->owner_node() != config.self.id) continue;
    life = std::max(life, disk.label->home_generation());
  }
  return life;
}

}  // namespace

pb::TakeoverIntent called_off(const std::optional<pb::TakeoverIntent>& before,
                              const pb::TakeoverIntent& now, const Survey& survey,
                              const Config& config) {
  pb::TakeoverIntent next =
      next_intent(now, pb::TakeoverIntent::ENDED, config.partner.id, now.victim_generation());
  if (!has_partner_disk(survey, config)) return next;
  next.set_phase(pb::TakeoverIntent::RETURNING);
  next.set_victim_generation(life_borrowed(survey, config));
  if (!before || before->victim_node() != now.victim_node()) return next;
  const auto phase = before->phase();
  if (phase != pb::TakeoverIntent::TAKEN && phase != pb::TakeoverIntent::RETURNING) return next;
  next.set_phase(phase);
  next.set_victim_generation(before->victim_generation());
  next.set_proven(before->proven());
  next.set_returned_to(before->returned_to());
  next.set_returned_by_itself(before->returned_by_itself());
  if (before->has_overrides()) *next.mutable_overrides() = before->overrides();
  return next;
}

bool is_left_undone(const pb::TakeoverIntent& intent, const Survey& survey, const Config& config) {
  const bool begun = intent.phase() == pb::TakeoverIntent::TAKING ||
                     intent.phase() == pb::TakeoverIntent::TAKEN ||
                     intent.phase() == pb::TakeoverIntent::RETURNING;
  const auto slot = newest_of_partner(survey, config);
  const std::uint32_t victim = intent.victim_generation();
  return begun && intent.victim_node() == config.partner.id && has_partner_disk(survey, config) &&
         slot && slot->phase() == pb::PHASE_WAITING && slot->generation() > victim &&
         slot->generation() >= latest_generation(survey, config, config.partner.id) &&
         latest_serving_generation(survey, config, config.partner.id) <= victim;
}

bool needs_no_silence(const pb::TakeoverIntent& intent, const Survey& survey, const Config& config,
                      const std::optional<pb::MailboxSlot>& heard) {
  return intent.proven() || intent.ordered() || has_partner_disk(survey, config) ||
         has_left(survey, config, heard, intent.victim_generation());
}

IntentPhase phase_after_no_majority(const std::optional<pb::TakeoverIntent>& before,
                                    const pb::TakeoverIntent& now, Code why) {
  const bool goes_on = before && before->victim_node() == now.victim_node() &&
                       before->victim_generation() == now.victim_generation() &&
                       (before->phase() == pb::TakeoverIntent::TAKING ||
                        before->phase() == pb::TakeoverIntent::TAKEN);
  return goes_on && why != Code::kFenced ? before->phase() : pb::TakeoverIntent::ENDED;
}

bool is_under_way(const std::optional<pb::TakeoverIntent>& intent) {
  return intent && intent->phase() == pb::TakeoverIntent::RETURNING && intent->returned_to() != 0;
}

std::string describe(const pb::TakeoverIntent& intent) {
  return fmt::format("takeover from node {}, life {}", intent.victim_node(),
                     intent.victim_generation());
}

}  // namespace lastword
