#include "agent/records/status_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/base/utc.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/peer_watch.h"
#include "agent/protocol/remedies.h"
#include "agent/protocol/start_plan.h"
#include "agent/protocol/takeover_input.h"
#include "agent/records/status_parts.h"

namespace lastword {
namespace {

using Reasons = google::protobuf::RepeatedPtrField<pb::StatusReason>;

void add_refusals(const Refusals& refusals, Reasons& reasons) {
  for (const Refusal& refusal : refusals) add_reason(reasons, refusal.reason, refusal.remedy);
}

// What keeps this node from any takeover, switches aside.
void add_obstacles(const StatusFacts& facts, Reasons& reasons) {
  const Config& config = *facts.config;
  if (!facts.state || facts.state->stopped || facts.state->handed_over) {
    add_reason(reasons, "this node is not in service", "`lastword start`");
    return;
  }
  if (facts.state->waiting) {
    add_reason(reasons,
               fmt::format("this node waits: {} has its disks, or has announced to take them",
                           config.partner.name),
               fmt::format("`lastword giveback` on {0}; if {0} is dead, `lastword takeover` here",
                           config.partner.name));
  } else if (partner_has_taken_over(facts.survey, config)) {
    add_reason(reasons,
               fmt::format("{} has, or had, taken over from this node", config.partner.name),
               std::string(way_to_wait(facts.survey, config, facts.state->boot_generation)));
  }
  if (partner_disks(facts.survey, config).empty()) {
    add_reason(reasons, fmt::format("no disk of {} is in sight", config.partner.name),
               "look at the adapter and the cabling");
  }
}

// Without an agent nobody acts, whatever is possible.
void add_agent(const StatusFacts& facts, Reasons& reasons) {
  if (!facts.state || facts.state->stopped || facts.state->handed_over) return;
  if (facts.agent && facts.agent->state() != kRunning) {
    add_reason(reasons, facts.agent->reason(), facts.agent->remedy());
    return;
  }
  const auto slot = present_slot(facts, facts.config->self.id);
  if (!slot || agent_beats(facts, facts.config->self.id)) return;
  add_reason(reasons, "no heartbeat of this node's agent is seen on a mailbox disk",
             "`systemctl start lastword-agent`, or see its journal");
}

NodeFacts node_facts(const StatusFacts& facts) {
  const Config& config = *facts.config;
  NodeFacts node;
  node.switches = plain(facts.switches.own);
  node.word.switches = plain(facts.switches.peer);
  node.now_unix_ms = facts.unix_ms;
  node.intent = facts.intent;
  if (!facts.state) return node;
  node.disks = disk_facts(facts.survey, config, *facts.state, facts.intent);
  node.mailbox_disks = facts.state->mailbox_disks.size();
  node.mailbox_set = mailbox_set(facts.state->mailbox_disks);
  node.version = kProtocolVersion;
  node.voice.seen = facts.heard.has_value();
  const auto slot = newest_of_partner(facts.survey, config);
  if (!slot) return node;
  node.word.generation = slot->generation();
  node.word.version = slot->protocol();
  node.word.mailbox_set = slot->mailbox_set();
  node.word.phase = slot->presence() == pb::GONE ? Phase::kClean : Phase::kPaired;
  const std::string differ = settings_that_differ(shared_settings(config.timing), slot->settings());
  if (!differ.empty()) node.settings_that_differ.push_back(differ);
  return node;
}

bool is_same(const Refusal& one, const Refusal& other) {
  return one.reason == other.reason;
}

}  // namespace

void BeatAges::read(const Survey& survey, const Config& config, Instant asked, Instant back) {
  for (const DiskView& disk : survey.disks) {
    if (!is_mailbox_disk(disk, config)) continue;
    for (const pb::MailboxSlot& slot : disk.mailbox) {
      if (slot.node() == 0) continue;
      const auto key = std::pair(disk.label->disk_uuid(), static_cast<std::uint8_t>(slot.node()));
      const std::pair number(slot.generation(), slot.sequence());
      const auto known = seen_.find(key);
      if (known == seen_.end()) {
        seen_[key] = {.number = number, .changed = false, .since = back, .last_asked = asked};
        continue;
      }
      if (known->second.number != number) {
        known->second.number = number;
        known->second.changed = true;
        known->second.since = known->second.last_asked;
      }
      known->second.last_asked = asked;
    }
  }
}

std::optional<BeatAges::Age> BeatAges::of(const std::string& disk_uuid, std::uint8_t node,
                                          Instant now) const {
  const auto found = seen_.find({disk_uuid, node});
  if (found == seen_.end()) return std::nullopt;
  return Age{.heard = found->second.changed, .time = now - found->second.since};
}

bool BeatAges::heard(std::uint8_t node, Instant now, milliseconds time) const {
  return std::ranges::any_of(seen_, [&](const auto& one) {
    return one.first.second == node && one.second.changed && now - one.second.since <= time;
  });
}

std::string node_name(const Config& config, std::uint32_t node) {
  if (node == 0) return "";
  if (node == config.self.id) return config.self.name;
  return node == config.partner.id ? config.partner.name : fmt::format("node {}", node);
}

std::optional<pb::MailboxSlot> present_slot(const StatusFacts& facts, std::uint8_t node) {
  const Config& config = *facts.config;
  std::optional<pb::MailboxSlot> newest;
  for (const DiskView& disk : facts.survey.disks) {
    if (!is_mailbox_disk(disk, config)) continue;
    for (const pb::MailboxSlot& slot : disk.mailbox) {
      if (slot.node() == node && (!newest || is_newer(slot, *newest))) newest = slot;
    }
  }
  if (newest && newest->generation() < latest_generation(facts.survey, config, node)) return {};
  return newest;
}

bool agent_beats(const StatusFacts& facts, std::uint8_t node) {
  const auto slot = present_slot(facts, node);
  const milliseconds silence = facts.config->timing.peer_silence();
  return slot && slot->presence() == pb::WATCHING && facts.ages.heard(node, facts.now, silence);
}

void add_reason(Reasons& reasons, std::string reason, std::string remedy) {
  pb::StatusReason& added = *reasons.Add();
  added.set_reason(std::move(reason));
  added.set_remedy(std::move(remedy));
}

pb::StatusTakeover status_of_takeover(const StatusFacts& facts) {
  pb::StatusTakeover takeover;
  const NodeFacts node = node_facts(facts);
  const Refusals on_panic = refusals_on_panic(node);
  Reasons& both = *takeover.mutable_against_both();
  add_refusals(on_panic, both);
  add_obstacles(facts, both);
  add_agent(facts, both);
  takeover.set_on_panic(both.empty());
  if (!facts.state || facts.state->stopped || facts.state->handed_over) return takeover;
  Reasons& silence = *takeover.mutable_against_silence();
  Refusals on_silence = refusals_on_silence(Phase::kPaired, node);
  std::erase_if(on_silence, [&](const Refusal& one) {
    return std::ranges::any_of(on_panic, [&](const Refusal& other) { return is_same(one, other); });
  });
  add_refusals(on_silence, silence);
  const auto slot = present_slot(facts, facts.config->partner.id);
  if (slot && slot->presence() == pb::AWAY) {
    add_reason(silence, "the partner's agent was ended in order: its silence means nothing",
               fmt::format("`systemctl start lastword-agent` on {}", facts.config->partner.name));
  }
  if (silence.empty() && both.empty()) {
    const auto against = against_acting_on_silence(facts.survey, *facts.config, *facts.state,
                                                   slot.value_or(pb::MailboxSlot()), facts.intent);
    if (against) add_reason(silence, against->reason, against->remedy);
  }
  takeover.set_on_silence(both.empty() && silence.empty());
  return takeover;
}

pb::StatusReport report_status(const StatusFacts& facts) {
  pb::StatusReport report;
  report.set_time(utc_time_with_ms(facts.unix_ms));
  *report.mutable_node() = status_of_self(facts);
  *report.mutable_partner() = status_of_partner(facts);
  *report.mutable_takeover() = status_of_takeover(facts);
  if (facts.agent) *report.mutable_agent() = *facts.agent;
  const auto add_switch = [&](const std::string& node, const char* name, const Switch& asked) {
    if (!is_on(asked, facts.unix_ms)) return;
    pb::StatusSwitch& added = *report.add_switches();
    added.set_node(node);
    added.set_name(name);
    if (asked.until_unix_ms != 0) added.set_until(utc_time(asked.until_unix_ms));
  };
  for (const auto& [node, switches] :
       {std::pair{facts.config->self.name, plain(facts.switches.own)},
        {facts.config->partner.name, plain(facts.switches.peer)}}) {
    add_switch(node, "disable", switches.disable);
    add_switch(node, "no-takeover", switches.no_takeover);
  }
  add_disks(facts, report);
  add_dumps(facts, report);
  add_paths(facts, report);
  add_giveback(facts, report);
  for (const std::string& problem : facts.problems) report.add_problems(problem);
  set_first(report);
  return report;
}

}  // namespace lastword
