// What each node does, as far as its heartbeats, its files and the disks tell.
#include <fmt/format.h>

#include <algorithm>

#include "agent/base/utc.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/start_plan.h"
#include "agent/records/status_parts.h"

namespace lastword {
namespace {

void say(pb::StatusNode& node, Phase phase) {
  node.set_mode(std::string(name_of(mode_of(phase))));
  node.set_phase(std::string(name_of(phase)));
  node.set_means(std::string(describe(phase)));
}

void say(pb::StatusNode& node, std::string mode, std::string phase, std::string means) {
  node.set_mode(std::move(mode));
  node.set_phase(std::move(phase));
  node.set_means(std::move(means));
}

void set_since(pb::StatusNode& node, std::int64_t since_unix_ms, std::int64_t now) {
  if (since_unix_ms <= 0 || since_unix_ms > now) return;  // a clock that was set says nothing
  node.set_since(utc_time(since_unix_ms));
  node.set_since_ms(static_cast<std::uint64_t>(now - since_unix_ms));
}

// The node itself says it, a moment ago.
std::optional<Phase> told_phase(const StatusFacts& facts, std::uint8_t node) {
  if (!agent_beats(facts, node)) return std::nullopt;
  return plain_phase(present_slot(facts, node)->phase());
}

bool has_disks_of(const StatusFacts& facts, std::uint8_t node, std::uint8_t home) {
  const Config& config = *facts.config;
  return std::ranges::any_of(facts.survey.disks, [&](const DiskView& disk) {
    return in_cluster(disk, config) && disk.label->home_node() == home &&
           (disk.label->owner_node() == node || holder_node(disk, config) == node);
  });
}

// An intent that is open, as a phase of who wrote it.
std::optional<Phase> phase_of(const pb::TakeoverIntent& intent, bool has_disks) {
  switch (intent.phase()) {
    case pb::TakeoverIntent::ANNOUNCED:
      return Phase::kArbitrating;
    case pb::TakeoverIntent::TAKING:
      return Phase::kTaking;
    case pb::TakeoverIntent::TAKEN:
      return has_disks ? std::optional(Phase::kServing) : std::nullopt;
    case pb::TakeoverIntent::RETURNING:
      return Phase::kGivingBack;
    default:
      return std::nullopt;
  }
}

// When the node last took a disk of its own in this life.
std::int64_t in_service_since(const StatusFacts& facts, std::uint8_t node,
                              std::uint32_t generation) {
  std::int64_t since = 0;
  for (const DiskView& disk : facts.survey.disks) {
    if (!in_cluster(disk, *facts.config)) continue;
    const pb::Label& label = *disk.label;
    if (label.home_node() == node && label.owner_node() == node &&
        label.owner_generation() == generation) {
      since = std::max(since, label.written_unix_ms());
    }
  }
  return since;
}

// This node's, where its agent does not say.
Phase heard_or_not(const StatusFacts& facts) {
  const std::uint8_t partner = facts.config->partner.id;
  if (agent_beats(facts, partner)) return Phase::kPaired;
  const auto slot = present_slot(facts, partner);
  const bool heard = facts.heard && slot && facts.heard->generation() >= slot->generation();
  return heard && slot->presence() == pb::WATCHING ? Phase::kSuspect : Phase::kUnseen;
}

void say_since(const StatusFacts& facts, const std::optional<pb::TakeoverIntent>& intent,
               pb::StatusNode& node) {
  const bool takes = node.mode() == name_of(NodeMode::kTakeover);
  const bool normal = node.mode() == name_of(NodeMode::kNormal);
  if (takes && intent) set_since(node, intent->written_unix_ms(), facts.unix_ms);
  if (normal) {
    set_since(node,
              in_service_since(facts, static_cast<std::uint8_t>(node.id()), node.generation()),
              facts.unix_ms);
  }
}

// A disk of the node's tells of a panic in its latest life.
const DiskView* panicked_disk(const StatusFacts& facts, std::uint32_t latest) {
  const auto found = std::ranges::find_if(facts.survey.disks, [&](const DiskView& disk) {
    return has_panicked(disk, *facts.config, latest);
  });
  return found == facts.survey.disks.end() ? nullptr : &*found;
}

// Of the partner, from what its disks and its slot tell.
void say_partner(const StatusFacts& facts, pb::StatusNode& node) {
  const Config& config = *facts.config;
  const auto slot = present_slot(facts, config.partner.id);
  if (const DiskView* disk = panicked_disk(facts, node.generation())) {
    say(node, "UNKNOWN", "panicked",
        fmt::format("It panicked in this life, as {} tells.", disk->info.path));
    const auto& header = disk->header;
    set_since(node, header.started_unix_ms() - static_cast<std::int64_t>(header.began_after_ms()),
              facts.unix_ms);
    return;
  }
  if (const auto told = told_phase(facts, config.partner.id)) return say(node, *told);
  const bool beats = agent_beats(facts, config.partner.id);
  if (slot) {
    const bool has_disks = has_disks_of(facts, config.partner.id, config.self.id);
    const auto takes = slot->intent().victim_node() == config.self.id
                           ? phase_of(slot->intent(), has_disks)
                           : std::nullopt;
    if (takes && (beats || has_disks)) return say(node, *takes);
    if (slot->presence() == pb::GONE) return say(node, Phase::kClean);
  }
  if (beats) {
    const std::uint32_t own = latest_generation(facts.survey, config, config.self.id);
    const bool knows = own != 0 && slot->echo_generation() >= own;
    return say(node, knows ? Phase::kPaired : Phase::kUnseen);
  }
  if (node.generation() == 0) {
    return say(node, "UNKNOWN", "unheard", "No disk tells of any life of this node.");
  }
  if (slot && slot->presence() == pb::WATCHING) {
    return say(node, "UNKNOWN", "silent", "No heartbeat came while this was looked at.");
  }
  say(node, "UNKNOWN", "unheard",
      slot && slot->presence() == pb::AWAY
          ? "Its agent was ended in order, so that nothing tells whether it lives."
          : "No agent of its present life has written a heartbeat.");
}

// The agent says it at its socket, or in its heartbeats.
std::optional<Phase> told_by_agent(const StatusFacts& facts) {
  if (facts.agent && facts.agent->state() == kRunning) {
    if (const auto phase = plain_phase(facts.agent->phase())) return phase;
  }
  return told_phase(facts, facts.config->self.id);
}

// phase.json, where it tells of the phase that the node is at.
void say_why(const StatusFacts& facts, pb::StatusNode& node) {
  const auto phase = facts.phase ? plain_phase(facts.phase->phase()) : std::nullopt;
  if (!phase || node.phase() != name_of(*phase)) return;
  node.set_why(facts.phase->why());
  const std::int64_t ago = facts.now.count() - facts.phase->since_ms();
  if (ago >= 0) set_since(node, facts.unix_ms - ago, facts.unix_ms);
}

}  // namespace

std::optional<Phase> plain_phase(pb::NodePhase phase) {
  const auto number = static_cast<std::size_t>(phase);
  if (number == 0 || number > kPhases.size()) return std::nullopt;
  return kPhases.at(number - 1).phase;
}

pb::StatusNode status_of_self(const StatusFacts& facts) {
  const Config& config = *facts.config;
  pb::StatusNode node;
  node.set_name(config.self.name);
  node.set_id(config.self.id);
  node.set_generation(facts.state ? facts.state->boot_generation
                                  : latest_generation(facts.survey, config, config.self.id));
  if (!facts.state) {
    const bool taken = partner_has_taken_over(facts.survey, config);
    say(node, taken ? "REBOOTING" : "STOPPED", "not-started",
        taken ? "`lastword start` has not run since boot, and the partner has this node's disks."
              : "`lastword start` has not run since boot, or `lastword stop` has.");
    return node;
  }
  if (facts.state->stopped) {
    say(node, Phase::kClean);
  } else if (facts.state->handed_over) {
    say(node, Phase::kHandedOver);
  } else if (facts.state->waiting) {
    say(node, Phase::kWaiting);
  } else if (!check_not_fenced(facts.survey, config, *facts.state)) {
    say(node, Phase::kFenced);
  } else if (const auto told = told_by_agent(facts)) {
    say(node, *told);
  } else {
    const bool has_disks = has_disks_of(facts, config.self.id, config.partner.id);
    const auto takes = facts.intent ? phase_of(*facts.intent, has_disks) : std::nullopt;
    say(node, takes.value_or(heard_or_not(facts)));
  }
  say_since(facts, facts.intent, node);
  say_why(facts, node);
  return node;
}

pb::StatusNode status_of_partner(const StatusFacts& facts) {
  const Config& config = *facts.config;
  pb::StatusNode node;
  node.set_name(config.partner.name);
  node.set_id(config.partner.id);
  node.set_generation(latest_generation(facts.survey, config, config.partner.id));
  say_partner(facts, node);
  const auto slot = present_slot(facts, config.partner.id);
  say_since(facts, slot ? std::optional(slot->intent()) : std::nullopt, node);
  return node;
}

}  // namespace lastword
