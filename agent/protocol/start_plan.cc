#include "agent/protocol/start_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/protocol/mailbox.h"
#include "agent/protocol/waiting_plan.h"

namespace lastword {
namespace {

// `some_hidden`: an earlier life may have left its trace where this node sees nothing now.
Result<std::uint32_t> choose_generation(std::uint32_t on_disks, std::optional<std::uint32_t> noted,
                                        const std::optional<NodeState>& state, bool some_hidden,
                                        std::int64_t now_unix_ms) {
  const std::uint32_t latest = std::max(on_disks, noted.value_or(0));
  if (state) {
    if (latest <= state->boot_generation) return state->boot_generation;
    return fail({.code = Code::kRefused,
                 .operation = "start",
                 .detail = fmt::format("this boot is generation {}, but a disk tells of generation "
                                       "{} of this node: is another machine using this node's id? "
                                       "If this one is the node, was installed anew and had not "
                                       "seen that disk: stop the service, `lastword stop`, "
                                       "`lastword start --reinstalled`",
                                       state->boot_generation, latest)});
  }
  if (noted && on_disks > *noted) {
    return fail(
        {.code = Code::kRefused,
         .operation = "start",
         .detail = fmt::format("the disks tell of life {} of this node, this machine of "
                               "{}: is another machine using this node's id? If this one is the "
                               "node, installed anew or unable to write its note then, run "
                               "`lastword start --reinstalled`",
                               on_disks, *noted)});
  }
  if (latest >= kMaxBootGeneration) {
    return fail({.code = Code::kRefused,
                 .operation = "start",
                 .detail = fmt::format("life {} is the last that fits into a key; label "
                                       "the disks anew",
                                       latest)});
  }
  const bool note_lost = latest > 0 ? !noted : some_hidden;
  const std::uint32_t passed_over = note_lost ? lives_passed_over(now_unix_ms) : 0;
  return std::min(latest + passed_over + 1, kMaxBootGeneration);
}

// The latest life of this node that any disk tells of, in its mailbox slots too.
std::uint32_t own_generation_on_disks(const Survey& survey, const Config& config) {
  std::uint32_t latest = latest_generation(survey, config, config.self.id);
  for (const DiskView& disk : survey.disks) {
    if (!is_mailbox_disk(disk, config)) continue;
    for (const pb::MailboxSlot& slot : disk.mailbox) {
      if (slot.node() == config.self.id) latest = std::max(latest, slot.generation());
    }
  }
  return latest;
}

// The partner counts votes by other mailbox disks than this node sees.
bool mailbox_disks_are_hidden(const Survey& survey, const Config& config) {
  const std::uint64_t set = set_by_labels(survey, config);
  if (set == 0) return false;
  std::vector<std::string> seen;
  for (const DiskView& disk : survey.disks) {
    if (is_mailbox_disk(disk, config) && !disk.problem) seen.push_back(disk.label->disk_uuid());
  }
  return set != mailbox_set(std::move(seen));
}

// Sorts one of this node's disks into the plan.
void place_own_disk(std::size_t index, const Survey& survey, const Config& config,
                    StartPlan& plan) {
  const DiskView& disk = survey.disks[index];
  const std::uint8_t holder = holder_node(disk, config);
  if (disk.label->owner_node() == config.partner.id) {
    plan.taken_over.push_back(
        {index, fmt::format("its label says that {} owns it", config.partner.name)});
  } else if (holder == config.partner.id) {
    plan.taken_over.push_back(
        {index, fmt::format("{} holds its reservation by key {}", config.partner.name,
                            to_string(disk.reservation->holder))});
  } else if (disk.problem) {
    plan.refused.push_back({index, describe(*disk.problem)});
  } else if (disk.scsi_problem) {
    plan.refused.push_back({index, describe(*disk.scsi_problem)});
  } else if (disk.reservation && holder != config.self.id) {
    plan.refused.push_back(
        {index, fmt::format("reserved by key {} ({}), which is no key of this cluster; find out "
                            "whose it is, and remove it by hand if nobody uses the disk",
                            to_string(disk.reservation->holder), name_of(disk.reservation->type))});
  } else if (holder != config.self.id &&
             disks_with_uuid(survey, config, disk.label->disk_uuid()).size() > 1) {
    plan.refused.push_back(
        {index,
         "another disk has the same label, and this node does not hold this one: it may be "
         "a clone or snapshot; take the wrong one away"});
  } else {
    plan.own.push_back(index);
  }
}

// Why this mailbox disk is not joined; empty: it is.
//
// A vote that was lost in this life stays lost: the winner may be slow, and may still take disks
// from this node, by removing the key that this node has now. It would not remove the key of a
// later life.
std::string reject_mailbox(const DiskView& disk, const Survey& survey, const Config& config,
                           const std::optional<NodeState>& state) {
  if (disk.scsi_problem) return describe(*disk.scsi_problem);
  const std::string& uuid = disk.label->disk_uuid();
  if (disks_with_uuid(survey, config, uuid).size() > 1) {
    return fmt::format(
        "another disk has its UUID {} too: with a clone of it in sight, each node "
        "could win its own vote; take the clone away",
        uuid);
  }
  const auto joined = [&](const NodeState& of) {
    return std::find(of.mailbox_joined.begin(), of.mailbox_joined.end(), uuid) !=
           of.mailbox_joined.end();
  };
  if (state && joined(*state) && !is_registered(disk, state->key) &&
      (!tells_of_partner(disk, config) ||
       tells_of_lost_vote(survey, config, state->boot_generation))) {
    return fmt::format(
        "{0} removed this node's key from it, since it is taking over from this node. If "
        "{0} does not go through with it: stop the service, `lastword stop`, "
        "`lastword start`",
        config.partner.name);
  }
  return {};
}

void remark_foreign_registrants(const Survey& survey, const Config& config, StartPlan& plan) {
  for (const auto* disks : {&plan.own, &plan.mailbox}) {
    for (const std::size_t index : *disks) {
      for (const ReservationKey key : foreign_registrants(survey.disks[index], config)) {
        plan.remarks.push_back(
            {index, fmt::format("{} is registered on it, a key of neither node, and may write "
                                "there; find out whose it is, and take it away",
                                to_string(key))});
      }
    }
  }
}

}  // namespace

bool is_own_disk(const DiskView& disk, const Config& config) {
  return in_cluster(disk, config) && disk.label->role() != pb::MAILBOX &&
         disk.label->home_node() == config.self.id;
}

bool is_mailbox_disk(const DiskView& disk, const Config& config) {
  return in_cluster(disk, config) && disk.label->role() == pb::MAILBOX;
}

bool was_own_service_disk(const DiskView& disk, const Config& config) {
  if (disk.label || !disk.label_before) return false;
  const pb::Label& before = *disk.label_before;
  return before.cluster_uuid() == config.cluster_uuid && before.role() == pb::SERVICE &&
         before.home_node() == config.self.id;
}

std::uint32_t lives_passed_over(std::int64_t now_unix_ms) {
  constexpr std::int64_t kSeconds = 1U << 16;  // 18 hours; then lower numbers come again
  const std::int64_t seconds = std::max<std::int64_t>(0, now_unix_ms / 1000);
  return kLivesWithoutTrace + static_cast<std::uint32_t>(seconds % kSeconds);
}

Result<StartPlan> plan_start(const Survey& survey, const Config& config,
                             const std::optional<NodeState>& state,
                             std::optional<std::uint32_t> last_generation, bool may_be_coming,
                             std::int64_t now_unix_ms) {
  const auto generation =
      choose_generation(own_generation_on_disks(survey, config), last_generation, state,
                        mailbox_disks_are_hidden(survey, config), now_unix_ms);
  if (!generation) return fail(generation.error());
  StartPlan plan{.boot_generation = *generation};
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (is_own_disk(disk, config)) {
      place_own_disk(i, survey, config, plan);
    } else if (is_mailbox_disk(disk, config)) {
      std::string rejection = reject_mailbox(disk, survey, config, state);
      if (rejection.empty()) {
        plan.mailbox.push_back(i);
      } else {
        plan.refused.push_back({i, std::move(rejection)});
      }
    } else if (disk.problem && !disk.label) {
      plan.refused.push_back(
          {i, fmt::format("cannot tell whether it is this node's: {}", describe(*disk.problem))});
    }
  }
  const bool new_life = !state || state->waiting;
  plan.announced = new_life && may_be_coming &&
                   announces_takeover_of_earlier_life(survey, config, plan.boot_generation);
  plan.waits = new_life && (plan.announced || !plan.taken_over.empty());
  // As next_while_waiting() says: a disk that is out of sight may still be the partner's.
  if (state && state->waiting && !plan.waits) {
    plan.waits = next_while_waiting(survey, config, *state, may_be_coming).next !=
                 NextWhileWaiting::kEnterService;
  }
  if (plan.waits) plan.own.clear();
  remark_foreign_registrants(survey, config, plan);
  return plan;
}

OwnerIdentity own_identity(const Config& config, std::uint32_t boot_generation) {
  return {.cluster_uuid = config.cluster_uuid,
          .node = config.self.id,
          .boot_generation = boot_generation,
          .key = make_key({.cluster = cluster_key_bits(config.cluster_uuid),
                           .node = config.self.id,
                           .boot_generation = boot_generation})};
}

}  // namespace lastword
