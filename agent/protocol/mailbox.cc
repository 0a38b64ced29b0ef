#include "agent/protocol/mailbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "agent/protocol/failure_plan.h"
#include "agent/protocol/start_plan.h"
#include "proto/crc32c.h"

namespace lastword {
namespace {

bool contains(const std::vector<std::string>& uuids, const std::string& uuid) {
  return std::ranges::find(uuids, uuid) != uuids.end();
}

std::uint64_t reach_of(std::uint8_t home, const Survey& survey, const Config& config) {
  std::vector<std::string> uuids;
  for (const DiskView& disk : survey.disks) {
    if (!in_cluster(disk, config) || disk.label->role() == pb::MAILBOX) continue;
    if (disk.label->home_node() != home || disk.problem || disk.scsi_problem) continue;
    if (disks_with_uuid(survey, config, disk.label->disk_uuid()).size() > 1) continue;
    uuids.push_back(disk.label->disk_uuid());
  }
  return mailbox_set(std::move(uuids));
}

// A disk of this node's service cannot be read by any path.
bool lacks_own_service_disk(const Survey& survey, const Config& config) {
  return std::ranges::any_of(survey.disks, [&](const DiskView& disk) {
    return was_own_service_disk(disk, config) &&
           disks_with_uuid(survey, config, disk.label_before->disk_uuid()).empty();
  });
}

}  // namespace

RecordPlace mailbox_place(const Config& config) {
  return mailbox_place(config.self.id, config.partner.id);
}

MailboxMember mailbox_member(const Config& config, std::uint32_t boot_generation,
                             const std::vector<std::string>& mailbox_disks) {
  MailboxMember member{.self = own_identity(config, boot_generation),
                       .place = mailbox_place(config),
                       .mailbox_set = mailbox_set(mailbox_disks)};
  member.self.mailbox_set = member.mailbox_set;
  return member;
}

std::uint64_t mailbox_set(std::vector<std::string> uuids) {
  std::ranges::sort(uuids);
  std::uint32_t crc = 0;
  for (const std::string& uuid : uuids) crc = crc32c(std::as_bytes(std::span(uuid)), crc);
  return (std::uint64_t{uuids.size() + 1} << 32) | crc;
}

pb::MailboxSlot current_slot(const pb::MailboxSlot& now, const MailboxMember& member,
                             const std::optional<pb::TakeoverIntent>& intent) {
  pb::MailboxSlot slot = now;
  slot.set_node(member.self.node);
  if (slot.generation() < member.self.boot_generation) {
    // What an earlier life said of itself.
    slot.clear_presence();
    slot.clear_protocol();
    slot.clear_machine();
    slot.clear_echo_generation();
    slot.clear_echo_sequence();
    slot.clear_settings();
    slot.clear_phase();
    slot.clear_sees();
    slot.clear_sees_partner();
    slot.clear_request();
  }
  if (slot.generation() <= member.self.boot_generation) {
    slot.set_generation(member.self.boot_generation);
    slot.set_mailbox_set(member.mailbox_set);
  }
  if (intent && intent->number() > slot.intent().number()) *slot.mutable_intent() = *intent;
  return slot;
}

Result<pb::MailboxSlot> slot_with(const pb::MailboxSlot& now, const MailboxMember& member,
                                  const pb::TakeoverIntent& intent) {
  const std::uint64_t number = now.intent().number();
  const bool same =
      number == intent.number() && now.intent().SerializeAsString() == intent.SerializeAsString();
  if (number >= intent.number() && !same) {
    return fail({.code = Code::kRefused,
                 .operation = "write takeover intent",
                 .detail = fmt::format("the mailbox disk has a later one of this node, number {}; "
                                       "look again",
                                       number)});
  }
  pb::MailboxSlot slot = now.generation() == 0 ? current_slot(now, member, intent) : now;
  *slot.mutable_intent() = intent;
  return slot;
}

Result<pb::MailboxSlot> slot_with_beat(const pb::MailboxSlot& now, const MailboxMember& member,
                                       const Beat& beat) {
  const auto refuse = [](std::string detail) {
    return fail({.code = Code::kFenced, .operation = "write heartbeat", .detail = detail});
  };
  const std::uint32_t own = member.self.boot_generation;
  if (now.generation() > own) {
    return refuse(
        fmt::format("life {} of this node has written there, and this is life {}: "
                    "another machine is this node too, or `lastword start` is to run",
                    now.generation(), own));
  }
  if (now.generation() == own && !now.machine().empty() && now.machine() != beat.machine) {
    return refuse(
        "another machine is this node too, in the same life: give each machine a node of its own "
        "in lastword.toml");
  }
  if (now.generation() == own && now.presence() == pb::GONE) {
    return refuse("`lastword stop` has ended this life: `lastword start` begins the next");
  }
  pb::MailboxSlot slot = current_slot(now, member, std::nullopt);
  slot.set_sequence(std::max(now.sequence() + 1, beat.sequence));
  slot.set_presence(beat.presence);
  slot.set_protocol(kProtocolVersion);
  slot.set_machine(beat.machine);
  slot.set_echo_generation(beat.echo_generation);
  slot.set_echo_sequence(beat.echo_sequence);
  *slot.mutable_settings() = shared_settings(beat.timing);
  // A life that has left does not come back, whatever its agent knew when it sent this.
  if (now.generation() != own || now.phase() != pb::PHASE_HANDED_OVER) slot.set_phase(beat.phase);
  slot.set_sees(beat.sees);
  slot.set_sees_partner(beat.sees_partner);
  *slot.mutable_request() = beat.request;
  if (beat.switches.number() > slot.switches().number()) {
    *slot.mutable_switches() = beat.switches;
  }
  return slot;
}

pb::MailboxSlot slot_of_life_that_joins(const pb::MailboxSlot& now, const MailboxMember& member,
                                        const std::optional<pb::TakeoverIntent>& intent) {
  pb::MailboxSlot slot = current_slot(now, member, intent);
  if (slot.generation() == member.self.boot_generation && slot.presence() == pb::GONE) {
    slot.clear_presence();
    slot.clear_phase();
  }
  return slot;
}

pb::MailboxSlot slot_of_life_that_ends(const pb::MailboxSlot& now, const MailboxMember& member,
                                       std::uint64_t sequence) {
  pb::MailboxSlot slot = current_slot(now, member, std::nullopt);
  if (slot.generation() > member.self.boot_generation) return slot;
  slot.set_sequence(std::max(now.sequence() + 1, sequence));
  slot.set_presence(pb::GONE);
  slot.set_phase(pb::PHASE_CLEAN);
  return slot;
}

Result<pb::MailboxSlot> slot_of_life_that_leaves(const pb::MailboxSlot& now,
                                                 const MailboxMember& member,
                                                 std::uint64_t sequence) {
  pb::MailboxSlot slot = current_slot(now, member, std::nullopt);
  if (slot.generation() > member.self.boot_generation || slot.presence() == pb::GONE) {
    return fail({.code = Code::kFenced,
                 .operation = "say that this life has left",
                 .detail = fmt::format("life {} of this node has written there, or this life was "
                                       "ended by `lastword stop`",
                                       slot.generation())});
  }
  slot.set_sequence(std::max(now.sequence() + 1, sequence));
  slot.set_phase(pb::PHASE_HANDED_OVER);
  return slot;
}

pb::SharedSettings shared_settings(const Timing& timing) {
  const auto number = [](milliseconds time) { return static_cast<std::uint32_t>(time.count()); };
  pb::SharedSettings settings;
  settings.set_io_timeout_ms(number(timing.settings.io_timeout));
  settings.set_dump_limit_ms(number(timing.settings.dump_limit));
  settings.set_grace_ms(number(timing.settings.grace));
  settings.set_heartbeat_ms(number(timing.settings.heartbeat));
  settings.set_silence_ms(number(timing.peer_silence()));
  return settings;
}

std::uint64_t disks_in_reach(const Survey& survey, const Config& config) {
  if (!config.incomplete_service && lacks_own_service_disk(survey, config)) return 0;
  return reach_of(config.self.id, survey, config);
}

std::uint64_t partner_disks_in_reach(const Survey& survey, const Config& config) {
  return reach_of(config.partner.id, survey, config);
}

std::vector<std::size_t> outdated_slots(const Survey& survey, const Config& config,
                                        const MailboxMember& member,
                                        const std::optional<pb::TakeoverIntent>& intent) {
  const std::size_t own = member.place == RecordPlace::kMailboxLow ? 0 : 1;
  std::vector<std::size_t> outdated;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (!is_mailbox_disk(disk, config) || !is_registered(disk, member.self.key)) continue;
    // One that cannot be read now says nothing; damaged copies are to be replaced.
    if (disk.problem && disk.problem->code != Code::kCorrupt) continue;
    if (disks_with_uuid(survey, config, disk.label->disk_uuid()).size() > 1) continue;
    pb::MailboxSlot now = disk.mailbox.at(own);
    if (now.node() != member.self.node) now.Clear();
    if (current_slot(now, member, intent).SerializeAsString() != now.SerializeAsString()) {
      outdated.push_back(i);
    }
  }
  return outdated;
}

std::vector<const pb::MailboxSlot*> slots_of(const Survey& survey, const Config& config,
                                             std::uint8_t node) {
  std::vector<const pb::MailboxSlot*> slots;
  for (const DiskView& disk : survey.disks) {
    if (!is_mailbox_disk(disk, config)) continue;
    for (const pb::MailboxSlot& slot : disk.mailbox) {
      if (slot.node() == node) slots.push_back(&slot);
    }
  }
  return slots;
}

std::optional<pb::MailboxSlot> newest_of_partner(const Survey& survey, const Config& config) {
  const auto slots = slots_of(survey, config, config.partner.id);
  const auto newest = std::ranges::max_element(slots, {}, [](const pb::MailboxSlot* slot) {
    return std::pair(slot->generation(), slot->sequence());
  });
  return newest == slots.end() ? std::nullopt : std::optional(**newest);
}

bool intends_to_take(const pb::MailboxSlot& slot, std::uint8_t node, std::uint32_t generation) {
  const pb::TakeoverIntent& intent = slot.intent();
  const bool open =
      intent.phase() == pb::TakeoverIntent::TAKING || intent.phase() == pb::TakeoverIntent::TAKEN;
  return open && slot.node() != node && intent.victim_node() == node &&
         intent.victim_generation() >= generation;
}

bool tells_of_lost_vote(const Survey& survey, const Config& config, std::uint32_t own_generation) {
  const auto slots = slots_of(survey, config, config.partner.id);
  // Of copies of one intent the last written counts; another disk may have missed it.
  const auto newest = std::ranges::max_element(
      slots, {}, [](const pb::MailboxSlot* slot) { return slot->intent().number(); });
  return newest != slots.end() && intends_to_take(**newest, config.self.id, own_generation);
}

bool announces_takeover_of_earlier_life(const Survey& survey, const Config& config,
                                        std::uint32_t own_generation) {
  const auto slots = slots_of(survey, config, config.partner.id);
  const auto newest = std::ranges::max_element(
      slots, {}, [](const pb::MailboxSlot* slot) { return slot->intent().number(); });
  if (newest == slots.end()) return false;
  const pb::TakeoverIntent& intent = (*newest)->intent();
  return intent.phase() == pb::TakeoverIntent::TAKING && intent.victim_node() == config.self.id &&
         intent.victim_generation() < own_generation;
}

Status check_mailbox_set(const Survey& survey, const Config& config,
                         const std::vector<std::string>& mailbox_disks) {
  const std::uint32_t latest = latest_generation(survey, config, config.partner.id);
  if (latest == 0) return {};
  const bool none_in_sight = std::ranges::none_of(
      survey.disks, [&](const DiskView& disk) { return is_mailbox_disk(disk, config); });
  if (mailbox_disks.empty() && none_in_sight) return {};
  const auto slots = slots_of(survey, config, config.partner.id);
  const auto newest = std::ranges::max_element(
      slots, {}, [](const pb::MailboxSlot* slot) { return slot->generation(); });
  if (newest != slots.end() && (*newest)->generation() >= latest &&
      (*newest)->mailbox_set() == mailbox_set(mailbox_disks)) {
    return {};
  }
  return fail({.code = Code::kRefused,
               .operation = "takeover",
               .detail = "the nodes do not count votes by the same mailbox disks, so both could "
                         "win: run `lastword start` on both, with all of them in sight"});
}

std::uint64_t set_by_labels(const Survey& survey, const Config& config) {
  std::uint32_t latest = 0;
  std::uint64_t set = 0;
  for (const DiskView& disk : survey.disks) {
    if (!in_cluster(disk, config) || disk.label->owner_node() != config.partner.id) continue;
    if (disk.label->owner_mailbox_set() == 0 || disk.label->owner_generation() < latest) continue;
    latest = disk.label->owner_generation();
    set = disk.label->owner_mailbox_set();
  }
  return set;
}

Status check_heard_set(const Survey& survey, const Config& config,
                       const std::vector<std::string>& mailbox_disks, std::uint64_t heard_set) {
  const auto is_none = [](std::uint64_t set) { return set == 0 || set == mailbox_set({}); };
  if (!mailbox_disks.empty() || (is_none(heard_set) && is_none(set_by_labels(survey, config)))) {
    return {};
  }
  return fail({.code = Code::kRefused,
               .operation = "takeover",
               .detail = fmt::format(
                   "{} counts votes by mailbox disks, and this node sees none, so both could take "
                   "over: bring the path to them back, then `lastword start`. If {} is dead and "
                   "stays so: `lastword takeover --without-votes`",
                   config.partner.name, config.partner.name)});
}

bool tells_of_partner(const DiskView& disk, const Config& config) {
  if (!disk.problem) return true;
  const bool own_is_lower = mailbox_place(config) == RecordPlace::kMailboxLow;
  return disk.problem->code == Code::kCorrupt && disk.mailbox_damaged[own_is_lower ? 0 : 1] &&
         !disk.mailbox_damaged[own_is_lower ? 1 : 0];
}

bool majority_is_readable(const Survey& survey, const Config& config,
                          const std::vector<std::string>& mailbox_disks) {
  const auto readable = std::ranges::count_if(survey.disks, [&](const DiskView& disk) {
    // Of a disk and its clone neither tells.
    return is_mailbox_disk(disk, config) && tells_of_partner(disk, config) &&
           contains(mailbox_disks, disk.label->disk_uuid()) &&
           disks_with_uuid(survey, config, disk.label->disk_uuid()).size() == 1;
  });
  return mailbox_disks.empty() || 2 * static_cast<std::size_t>(readable) > mailbox_disks.size();
}

namespace {

// As join() finds it there (agent/disks/mailbox_vote.h), whatever other disks say.
bool has_lost_vote(const DiskView& disk, const Config& config, std::uint32_t own_generation) {
  return std::ranges::any_of(disk.mailbox, [&](const pb::MailboxSlot& slot) {
    return slot.node() == config.partner.id &&
           intends_to_take(slot, config.self.id, own_generation);
  });
}

}  // namespace

LostReservations find_lost_reservations(const Survey& survey, const Config& config,
                                        const NodeState& state, bool gives) {
  LostReservations lost;
  const bool taken_over = !state.waiting && partner_has_taken_over(survey, config);
  if (taken_over || tells_of_lost_vote(survey, config, state.boot_generation)) {
    return lost;
  }
  // What the mailbox disks that are not in sight would say is not known.
  const bool all_told = majority_is_readable(survey, config, state.mailbox_disks);
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (!disk.reservations_known || is_registered(disk, state.key)) continue;
    if (disk.problem && !(is_mailbox_disk(disk, config) && tells_of_partner(disk, config)))
      continue;
    if (is_mailbox_disk(disk, config) && contains(state.mailbox_joined, disk.label->disk_uuid())) {
      if (!has_lost_vote(disk, config, state.boot_generation)) lost.mailbox.push_back(i);
      continue;
    }
    if (!all_told || !in_cluster(disk, config) || disk.reservation ||
        disk.label->owner_node() != config.self.id) {
      continue;
    }
    const bool of_earlier_life = gives && disk.label->home_node() == config.partner.id;
    if (disk.label->owner_generation() != state.boot_generation && !of_earlier_life) continue;
    if (disk.label->home_node() == config.self.id) lost.own.push_back(i);
    if (disk.label->home_node() == config.partner.id) lost.borrowed.push_back(i);
  }
  return lost;
}

std::vector<std::size_t> find_borrowed(const Survey& survey, const Config& config,
                                       const NodeState& state) {
  std::vector<std::size_t> borrowed;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (!in_cluster(disk, config) || disk.problem) continue;
    if (disk.label->home_node() != config.partner.id) continue;
    if (disk.label->owner_node() != config.self.id) continue;
    if (holder_node(disk, config) != config.self.id || disk.reservation->holder == state.key)
      continue;
    borrowed.push_back(i);
  }
  return borrowed;
}

}  // namespace lastword
