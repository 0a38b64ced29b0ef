// Disks, dumps and mailbox disks, each with what is wrong and what ends that.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/base/utc.h"
#include "agent/protocol/copies.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/remedies.h"
#include "agent/protocol/start_plan.h"
#include "agent/records/status_parts.h"
#include "proto/coredump.h"
#include "proto/record_names.h"

namespace lastword {
namespace {

using Reasons = google::protobuf::RepeatedPtrField<pb::StatusReason>;

std::string holder_of(const DiskView& disk, const Config& config) {
  if (!disk.reservation) return "";
  const std::uint8_t node = holder_node(disk, config);
  return node != 0 ? node_name(config, node) : to_string(disk.reservation->holder);
}

// In this boot, by a life that goes on and does not wait for its disks.
bool in_service(const StatusFacts& facts) {
  return facts.state && !facts.state->stopped && !facts.state->waiting && !facts.state->handed_over;
}

void judge_own(const StatusFacts& facts, const DiskView& disk, Reasons& reasons) {
  const Config& config = *facts.config;
  if (is_with_partner(disk, config)) {
    add_reason(reasons, fmt::format("{} has taken it over", config.partner.name),
               in_service(facts)
                   ? std::string(way_to_wait(facts.survey, config, facts.state->boot_generation))
                   : "stay off it until it is given back");
    return;
  }
  if (!in_service(facts)) return;
  const bool owned = disk.label->owner_node() == config.self.id &&
                     disk.label->owner_generation() == facts.state->boot_generation;
  const bool held = disk.reservation && disk.reservation->holder == facts.state->key;
  if (!owned || !held) {
    add_reason(reasons, fmt::format("it is not {} by this node", owned ? "reserved" : "owned"),
               "`lastword start`");
  }
  if (is_registered(disk, config, config.partner.id)) {
    add_reason(reasons, fmt::format("{} is registered on it too", config.partner.name),
               remedy_of_stray_partner(config));
  }
}

void judge_partners(const StatusFacts& facts, const DiskView& disk, Reasons& reasons) {
  const Config& config = *facts.config;
  const bool borrowed = disk.label->owner_node() == config.self.id;
  const bool held = facts.state && disk.reservation && disk.reservation->holder == facts.state->key;
  if (borrowed && !held) {
    add_reason(reasons, "it was taken over, and is not reserved by this node",
               "`lastword takeover`");
  }
  if (!borrowed && !held && is_registered(disk, config, config.self.id)) {
    add_reason(reasons, "this node is registered on it", "`lastword start`");
  }
}

void judge_mailbox(const StatusFacts& facts, const DiskView& disk, Reasons& reasons) {
  const Config& config = *facts.config;
  if (in_service(facts) && !is_registered(disk, facts.state->key)) {
    add_reason(reasons, "this node is not registered on it: a vote that it cannot cast",
               "`lastword start`");
  }
  if (!is_registered(disk, config, config.partner.id)) {
    add_reason(reasons, fmt::format("{} is not registered on it", config.partner.name),
               fmt::format("`lastword start` on {}", config.partner.name));
  }
  for (std::size_t i = 0; i < disk.mailbox_damaged.size(); ++i) {
    if (!disk.mailbox_damaged.at(i)) continue;
    const bool lower = i == 0;
    const bool own = lower == (config.self.id < config.partner.id);
    const std::string& name = own ? config.self.name : config.partner.name;
    add_reason(reasons, fmt::format("the slot of {} is damaged", name),
               fmt::format("`lastword start` on {} writes it anew", name));
  }
}

void judge(const StatusFacts& facts, std::size_t index, Reasons& reasons) {
  const Config& config = *facts.config;
  const DiskView& disk = facts.survey.disks[index];
  const bool mailbox = is_mailbox_disk(disk, config);
  const bool by_slot = mailbox && (disk.mailbox_damaged[0] || disk.mailbox_damaged[1]);
  if (disk.problem && !by_slot) {
    std::string reason = describe(*disk.problem);
    if (!disk.label && holder_node(disk, config) == config.self.id) {
      reason += "; this node has it reserved and cannot read it, and its service is not given it";
    }
    add_reason(reasons, std::move(reason), remedy_of(*disk.problem, disk.info.path));
  }
  if (!in_cluster(disk, config)) return;
  if (disk.scsi_problem) {
    add_reason(reasons, describe(*disk.scsi_problem),
               remedy_of(*disk.scsi_problem, disk.info.path));
  }
  const auto copies = disks_with_uuid(facts.survey, config, disk.label->disk_uuid());
  if (copies.size() > 1) {
    add_reason(reasons, fmt::format("{} disks carry its label: clones of one", copies.size()),
               "take all but the right one away from both nodes");
  }
  if (!disk.reservations_known) return;
  for (const ReservationKey key : foreign_registrants(disk, config)) {
    add_reason(reasons, fmt::format("{}, a key of neither node, is registered", to_string(key)),
               "find out whose it is, and take it away");
  }
  if (mailbox) {
    judge_mailbox(facts, disk, reasons);
  } else if (is_own_disk(disk, config)) {
    judge_own(facts, disk, reasons);
  } else {
    judge_partners(facts, disk, reasons);
  }
}

// What has become of the disk, in the words of status.proto.
std::string_view outcome_of(const StatusFacts& facts, const DiskView& disk) {
  const Config& config = *facts.config;
  const std::uint8_t holder = holder_node(disk, config);
  if (holder == config.self.id && (!disk.label || disk.problem)) return "reserved, not readable";
  if (!in_cluster(disk, config) || is_mailbox_disk(disk, config)) return "";
  const std::uint32_t owner = disk.label->owner_node();
  const std::uint32_t home = disk.label->home_node();
  if (disk.label->promised_node() != 0) return "promised";
  if (is_own_disk(disk, config) && is_with_partner(disk, config)) return "with the partner";
  if (owner != holder) return "";
  if (owner == config.self.id && home == config.partner.id) return "taken";
  if (owner == 0 || owner != home) return "";
  const bool gives_back = facts.intent && facts.intent->phase() == pb::TakeoverIntent::RETURNING;
  return gives_back && home == config.partner.id ? "returned" : "in service";
}

// The label of a disk that is listed without one cannot be read: it may be anybody's.
bool is_listed(const DiskView& disk, const Config& config) {
  return in_cluster(disk, config) || (!disk.label && disk.problem);
}

bool has_dump(const pb::CoredumpHeader& header) {
  return tells_of_panic(header) || header.attribute() == pb::SAVED;
}

std::uint32_t percent_of(const pb::CoredumpHeader& header) {
  if (header.attribute() == pb::COMPLETED) return 100;
  const std::uint64_t scanned = std::min(header.scanned_bytes(), header.memory_bytes());
  return static_cast<std::uint32_t>(100.0 * static_cast<double>(scanned) /
                                    static_cast<double>(header.memory_bytes()));
}

pb::StatusDump dump_on(const StatusFacts& facts, const DiskView& disk) {
  const Config& config = *facts.config;
  const pb::CoredumpHeader& header = disk.header;
  pb::StatusDump dump;
  dump.set_disk(disk.info.path);
  dump.set_node(node_name(config, header.node()));
  dump.set_generation(header.boot_generation());
  dump.set_crash_id(header.crash_id());
  // In bounds: it comes from a disk.
  const std::uint64_t after =
      std::min(header.began_after_ms(), static_cast<std::uint64_t>(kLongestTime.count()));
  if (header.started_unix_ms() > 0) {
    dump.set_panicked(utc_time(header.started_unix_ms() - static_cast<std::int64_t>(after)));
  }
  dump.set_state(std::string(name_of(header.attribute())));
  if (header.reason() != pb::REASON_NONE) dump.set_reason(std::string(name_of(header.reason())));
  dump.set_percent_known(header.attribute() == pb::COMPLETED || header.memory_bytes() != 0);
  if (dump.percent_known()) dump.set_percent(percent_of(header));
  dump.set_eta_known(header.attribute() == pb::IN_PROGRESS && header.eta_ms() != 0);
  if (dump.eta_known()) dump.set_eta_ms(header.eta_ms());
  dump.set_saved(header.attribute() == pb::SAVED);
  dump.set_saving(facts.agent && facts.agent->recovering() == disk.info.path);
  if (dump.saving()) {
    dump.set_saving_percent(facts.agent->recovery_percent());
  } else if (holds_unsaved_dump(header)) {
    const bool held =
        facts.state && disk.reservation && disk.reservation->holder == facts.state->key;
    dump.set_remedy(held ? fmt::format("`lastword recover {}`", disk.info.path)
                         : "`lastword recover` on the node that holds the disk");
  }
  return dump;
}

pb::StatusBeats beats_of(const StatusFacts& facts, const NodeConfig& node, const DiskView& disk) {
  pb::StatusBeats beats;
  beats.set_node(node.name);
  beats.set_registered(is_registered(disk, *facts.config, node.id));
  const std::uint32_t latest = latest_generation(facts.survey, *facts.config, node.id);
  const auto slot = std::ranges::find_if(
      disk.mailbox, [&](const pb::MailboxSlot& one) { return one.node() == node.id; });
  if (slot == disk.mailbox.end() || slot->generation() < latest || slot->protocol() == 0) {
    return beats;
  }
  const auto age = facts.ages.of(disk.label->disk_uuid(), node.id, facts.now);
  beats.set_written(age.has_value());
  if (!age) return beats;
  beats.set_heard(age->heard);
  beats.set_age_ms(static_cast<std::uint64_t>(age->time.count()));
  return beats;
}

}  // namespace

void add_disks(const StatusFacts& facts, pb::StatusReport& report) {
  const Config& config = *facts.config;
  for (std::size_t i = 0; i < facts.survey.disks.size(); ++i) {
    const DiskView& disk = facts.survey.disks[i];
    if (!is_listed(disk, config)) continue;
    pb::StatusDisk& row = *report.add_disks();
    row.set_disk(disk.info.path);
    row.set_holder_known(disk.reservations_known);
    if (disk.reservations_known) row.set_holder(holder_of(disk, config));
    judge(facts, i, *row.mutable_problems());
    row.set_healthy(row.problems().empty());
    row.set_outcome(std::string(outcome_of(facts, disk)));
    if (!disk.label) continue;
    row.set_disk_uuid(disk.label->disk_uuid());
    row.set_role(std::string(name_of(disk.label->role())));
    row.set_home(node_name(config, disk.label->home_node()));
    row.set_owner(node_name(config, disk.label->owner_node()));
    if (may_hold_dump(disk.label->role())) {
      row.set_header(std::string(name_of(disk.header.attribute())));
    }
  }
}

void add_dumps(const StatusFacts& facts, pb::StatusReport& report) {
  for (const DiskView& disk : facts.survey.disks) {
    if (!in_cluster(disk, *facts.config) || !may_hold_dump(disk.label->role())) continue;
    if (has_dump(disk.header)) *report.add_dumps() = dump_on(facts, disk);
  }
}

void add_paths(const StatusFacts& facts, pb::StatusReport& report) {
  const Config& config = *facts.config;
  std::vector<std::string> listed;
  for (const DiskView& disk : facts.survey.disks) {
    if (!is_mailbox_disk(disk, config)) continue;
    pb::StatusPath& path = *report.add_paths();
    path.set_disk(disk.info.path);
    path.set_disk_uuid(disk.label->disk_uuid());
    listed.push_back(disk.label->disk_uuid());
    *path.add_beats() = beats_of(facts, config.self, disk);
    *path.add_beats() = beats_of(facts, config.partner, disk);
  }
  if (!facts.state) return;
  for (const std::string& uuid : facts.state->mailbox_disks) {
    if (std::ranges::count(listed, uuid) != 0) continue;
    pb::StatusPath& path = *report.add_paths();
    path.set_disk_uuid(uuid);
    add_reason(*path.mutable_problems(), "it is not in sight: a vote that nobody can win",
               "bring it back; " + remedy_of_dead_mailbox(config));
  }
}

}  // namespace lastword
