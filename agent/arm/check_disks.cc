// Is each disk in the hands of its one right node, so that a takeover finds what it expects?
#include <fmt/format.h>

#include "agent/arm/check_parts.h"
#include "agent/protocol/copies.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/remedies.h"
#include "agent/protocol/start_plan.h"
#include "agent/protocol/takeover_input.h"
#include "proto/coredump.h"

namespace lastword {
namespace {

// Is the disk reserved by the key of this boot?
bool is_held(const Situation& situation, const DiskView& disk) {
  return situation.state && disk.reservation && disk.reservation->holder == situation.state->key &&
         disk.reservation->type == kOwnerType;
}

// Does the label name this node in this boot?
bool is_owned(const Situation& situation, const Config& config, const pb::Label& label) {
  return situation.state && label.owner_node() == config.self.id &&
         label.owner_generation() == situation.state->boot_generation;
}

void add_not_in_service(const Situation& situation, const DiskView& disk, const Config& config,
                        bool owned, pb::CheckReport& report) {
  if (is_with_partner(disk, config)) {
    const auto& state = situation.state;
    const bool serves = state && !state->stopped && !state->waiting && !state->handed_over;
    add_problem(report, Concern::kTakeover,
                fmt::format("{} has been taken over by {}", disk.info.path, config.partner.name),
                serves ? way_to_wait(situation.survey, config, state->boot_generation)
                       : "stay off it until it is given back");
    return;
  }
  add_problem(
      report, Concern::kTakeover,
      fmt::format("{} is not {} by this node", disk.info.path, owned ? "reserved" : "owned"),
      kStart);
}

}  // namespace

// Nothing tells a disk from its clone: the dump could go to one and be looked for on the other.
void check_copies(const CheckFacts& facts, pb::CheckReport& report) {
  const Survey& survey = facts.situation->survey;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    if (!in_cluster(survey.disks[i], *facts.config)) continue;
    const pb::Label& label = *survey.disks[i].label;
    const auto copies = disks_with_uuid(survey, *facts.config, label.disk_uuid());
    if (copies.size() < 2 || copies.front() != i) continue;
    std::string paths;
    for (const std::size_t copy : copies) {
      paths += (paths.empty() ? "" : " and ") + survey.disks[copy].info.path;
    }
    add_problem(report, may_hold_dump(label.role()) ? Concern::kDump : Concern::kTakeover,
                fmt::format("{} carry the same label, {}: clones or snapshots of one disk", paths,
                            label.disk_uuid()),
                "take all but the right one away from both nodes");
  }
}

void check_service(const CheckFacts& facts, pb::CheckReport& report) {
  const Config& config = *facts.config;
  std::uint32_t total = 0;
  std::uint32_t in_service = 0;
  const Survey& survey = facts.situation->survey;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (!is_own_disk(disk, config) || disk.label->role() != pb::SERVICE) continue;
    // check_copies() tells of it.
    if (is_unheld_copy(survey, config, i, facts.situation->policy.key)) continue;
    ++total;
    const bool owned = is_owned(*facts.situation, config, *disk.label);
    if (owned && is_held(*facts.situation, disk)) {
      ++in_service;
    } else {
      add_not_in_service(*facts.situation, disk, config, owned, report);
    }
  }
  report.set_service_disks(total);
  report.set_service_disks_in_service(in_service);
  if (total == 0) report.add_notes("this node has no service disks: nothing to take over");
}

// What has no label may be anybody's, and is taken by nobody. A service of this node is on it where
// this node has it reserved; who has is not known of each disk.
void check_unreadable(const CheckFacts& facts, pb::CheckReport& report) {
  const Config& config = *facts.config;
  for (const DiskView& disk : unreadable_disks(facts.situation->survey)) {
    const std::uint8_t holder = holder_node(disk, config);
    const std::string why = describe(*disk.problem);
    const std::string remedy = remedy_of(*disk.problem, disk.info.path);
    if (holder != 0) {
      const bool own = holder == config.self.id;
      add_problem(report, own ? Concern::kTakeover : Concern::kNeither,
                  fmt::format("{}, reserved by {}, cannot be read: {}", disk.info.path,
                              own ? "this node" : config.partner.name, why),
                  remedy);
      continue;
    }
    add_problem(
        report, disk.reservations_known ? Concern::kNeither : Concern::kTakeover,
        fmt::format("{} may be a disk of this node's, and cannot be read: {}", disk.info.path, why),
        remedy + "; where it is of no service of this cluster, take it away from this node");
  }
}

// With a reservation of kOwnerType every registrant may write.
void check_registrants(const CheckFacts& facts, pb::CheckReport& report) {
  const Config& config = *facts.config;
  for (const DiskView& disk : facts.situation->survey.disks) {
    if (!is_own_disk(disk, config) && !is_mailbox_disk(disk, config)) continue;
    for (const ReservationKey key : foreign_registrants(disk, config)) {
      add_problem(report, Concern::kTakeover,
                  fmt::format("{} is registered on {}, a key of neither node, and may write there",
                              to_string(key), disk.info.path),
                  "find out whose it is, and take it away");
    }
  }
}

// What a seizure that failed has left: a node registered on a disk of the other one.
void check_strays(const CheckFacts& facts, pb::CheckReport& report) {
  const Config& config = *facts.config;
  const auto is_mine = [&](const DiskView& disk) {
    return disk.label->owner_node() == config.self.id ||
           holder_node(disk, config) == config.self.id;
  };
  for (const DiskView& disk : facts.situation->survey.disks) {
    if (!in_cluster(disk, config) || disk.label->role() == pb::MAILBOX) continue;
    if (is_own_disk(disk, config) && is_mine(disk) && !is_with_partner(disk, config) &&
        is_registered(disk, config, config.partner.id)) {
      add_problem(report, Concern::kTakeover,
                  fmt::format("{} is registered on {} too, and could write there: a takeover was "
                              "interrupted",
                              config.partner.name, disk.info.path),
                  remedy_of_stray_partner(config));
    }
    if (disk.label->home_node() == config.partner.id && !is_mine(disk) &&
        is_registered(disk, config, config.self.id)) {
      add_problem(
          report, Concern::kTakeover,
          fmt::format("this node is registered on {}, a disk of {}, and could write there",
                      disk.info.path, config.partner.name),
          "`systemctl restart lastword-agent`: it goes on with a takeover that was begun, or ends "
          "it where the partner has begun another life since; where there is none, run `lastword "
          "start`");
    }
  }
}

// Disks that this node took from its partner. A target that forgets a reservation lets both write.
void check_borrowed(const CheckFacts& facts, pb::CheckReport& report) {
  const Config& config = *facts.config;
  std::uint32_t borrowed = 0;
  for (const DiskView& disk : facts.situation->survey.disks) {
    if (!in_cluster(disk, config) || disk.label->home_node() != config.partner.id ||
        disk.label->owner_node() != config.self.id) {
      continue;
    }
    ++borrowed;
    if (is_held(*facts.situation, disk)) continue;
    add_problem(report, Concern::kTakeover,
                fmt::format("{}, taken from {}, is not reserved by this node", disk.info.path,
                            config.partner.name),
                "run `lastword takeover`");
  }
  if (borrowed != 0) {
    report.add_notes(
        fmt::format("this node has taken over {} disks of {}", borrowed, config.partner.name));
  }
}

}  // namespace lastword
