#include "agent/protocol/takeover_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "agent/protocol/mailbox.h"
#include "proto/coredump.h"

namespace lastword {
namespace {

// The latest boot of the node that the label tells of, whoever owns the disk by now; where it tells
// of none, the one that holds the disk: it ended before it had written the label.
std::optional<std::uint32_t> known_life(const DiskView& disk, std::uint8_t node) {
  const pb::Label& label = *disk.label;
  std::uint32_t latest = 0;
  if (label.owner_node() == node) latest = label.owner_generation();
  if (label.home_node() == node) latest = std::max(latest, label.home_generation());
  if (latest != 0) return latest;
  const auto holder = disk.reservation ? parse_key(disk.reservation->holder) : std::nullopt;
  return holder && holder->node == node ? std::optional(holder->boot_generation) : std::nullopt;
}

TakeoverDisk as_plan_input(const DiskView& disk, const Config& config, std::uint32_t life) {
  return {.role = disk.label->role(),
          .mine_already = holder_node(disk, config) == config.self.id && !disk.header_is_newer,
          .header_readable = !disk.problem.has_value(),
          .header = disk.header,
          .generation = life,
          .header_sequence = disk.header_sequence,
          .later_life = known_life(disk, config.partner.id).value_or(life) > life};
}

bool is_partners(const pb::Label& label, const Config& config) {
  return label.cluster_uuid() == config.cluster_uuid && label.role() != pb::MAILBOX &&
         (label.home_node() == config.partner.id || label.owner_node() == config.partner.id);
}

bool is_partners(const DiskView& disk, const Config& config) {
  return disk.label && (is_partners(*disk.label, config) ||
                        (in_cluster(disk, config) && disk.label->role() != pb::MAILBOX &&
                         holder_node(disk, config) == config.partner.id));
}

// A disk of this node's own that the partner has now was taken from this node meanwhile, unless
// this life waits and never had it. To register there again would let a service write that has not
// noticed yet.
bool may_have_been_lost(const pb::Label& label, const Config& config, const NodeState& state) {
  return label.home_node() == config.self.id &&
         (!state.waiting || label.home_generation() == state.boot_generation);
}

// Nothing but its holder tells a disk from a clone of it.
bool is_unheld_copy(const DiskView& disk, const Survey& survey, const Config& config) {
  const std::uint8_t holder = holder_node(disk, config);
  return holder != config.partner.id && holder != config.self.id &&
         disks_with_uuid(survey, config, disk.label->disk_uuid()).size() > 1;
}

}  // namespace

std::vector<DiskView> unheld_copies(const Survey& survey, const Config& config) {
  std::vector<DiskView> copies;
  for (const DiskView& disk : survey.disks) {
    if (is_partners(disk, config) && is_unheld_copy(disk, survey, config)) copies.push_back(disk);
  }
  return copies;
}

std::vector<DiskView> partner_disks(const Survey& survey, const Config& config) {
  std::vector<DiskView> disks;
  for (const DiskView& disk : survey.disks) {
    if (!is_partners(disk, config) || is_unheld_copy(disk, survey, config)) continue;
    disks.push_back(disk);
  }
  return disks;
}

std::vector<DiskView> disks_to_take(const Survey& survey, const Config& config,
                                    const NodeState& state) {
  auto disks = partner_disks(survey, config);
  if (!state.waiting) return disks;
  std::ranges::copy_if(survey.disks, std::back_inserter(disks), [&](const DiskView& disk) {
    return in_cluster(disk, config) && disk.label->role() == pb::SERVICE &&
           disk.label->home_node() == config.self.id &&
           disk.label->owner_node() == config.self.id && disk.reservation &&
           disk.reservation->holder == state.key;
  });
  return disks;
}

std::vector<std::size_t> dump_places(const Survey& survey, const Config& config) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (is_partners(disk, config) && may_hold_dump(disk.label->role()) &&
        !is_unheld_copy(disk, survey, config)) {
      places.push_back(i);
    }
  }
  return places;
}

std::vector<DiskView> late_disks(const Survey& survey, const Config& config, const NodeState& state,
                                 const std::set<std::string>& had) {
  auto disks = partner_disks(survey, config);
  std::erase_if(disks, [&](const DiskView& disk) {
    return had.contains(disk.label->disk_uuid()) || may_have_been_lost(*disk.label, config, state);
  });
  return disks;
}

std::vector<DiskView> unreadable_disks(const Survey& survey) {
  std::vector<DiskView> disks;
  for (const DiskView& disk : survey.disks) {
    if (!disk.label && disk.problem) disks.push_back(disk);
  }
  return disks;
}

bool may_be_taken_late(const DiskView& disk, const Config& config, const NodeState& state,
                       const std::set<std::string>& had) {
  if (disk.label || !disk.problem) return false;
  if (!disk.label_before) return true;
  const pb::Label& before = *disk.label_before;
  // The partner may have taken it since from the life before this one.
  const bool own = before.cluster_uuid() == config.cluster_uuid && before.role() != pb::MAILBOX &&
                   before.home_node() == config.self.id;
  return (own || is_partners(before, config)) && !may_have_been_lost(before, config, state) &&
         !had.contains(before.disk_uuid());
}

Error no_partner_disks(const Config& config) {
  return {
      .code = Code::kNotFound,
      .operation = "takeover",
      .detail = fmt::format("no disk of {} in sight; `lastword candidates` lists what this node "
                            "sees",
                            config.partner.name)};
}

const DiskView* find_mailbox(const Survey& survey, const Config& config, std::string_view uuid) {
  const auto disks = disks_with_uuid(survey, config, uuid);
  return disks.size() == 1 ? &survey.disks[disks.front()] : nullptr;
}

std::uint32_t life_taken_over(const Survey& survey, std::optional<std::uint32_t> panicked,
                              const Config& config) {
  if (panicked) return *panicked;
  const std::uint32_t on_disks = latest_generation(survey, config, config.partner.id);
  const auto slot = newest_of_partner(survey, config);
  return std::max(on_disks, slot ? slot->generation() : 0);
}

std::vector<TakeoverDisk> as_plan_input(const std::vector<DiskView>& disks, const Config& config,
                                        std::uint32_t life) {
  std::vector<TakeoverDisk> input;
  input.reserve(disks.size());
  for (const DiskView& disk : disks) input.push_back(as_plan_input(disk, config, life));
  return input;
}

TakeOrder take_order(const DiskView& disk, const Config& config, ReservationKey own,
                     pb::Reason abort_reason, std::optional<std::uint32_t> failed_generation) {
  TakeOrder order{.info = disk.info,
                  .metadata_offset = disk.metadata_offset,
                  .cluster_uuid = config.cluster_uuid,
                  .disk_uuid = disk.label->disk_uuid(),
                  .goal = {.own = own,
                           .victim_node = config.partner.id,
                           .foreign = config.foreign_registrants,
                           .labelled = owner_in(*disk.label)},
                  .seen = {},
                  .abort_reason = abort_reason,
                  .io_timeout = config.timing.settings.io_timeout,
                  .promised = disk.label->promised_node() != 0,
                  .serves = disk.label->role() == pb::SERVICE};
  order.goal.victim_generation =
      failed_generation ? failed_generation : known_life(disk, config.partner.id);
  if (disk.reservations_known && !disk.header_is_newer) {
    order.goal.aptpl = disk.aptpl;
    order.seen = {.keys = disk.keys, .holder = disk.reservation};
  }
  return order;
}

}  // namespace lastword
