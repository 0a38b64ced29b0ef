#include "agent/protocol/partner_word.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/protocol/failure_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/remedies.h"

namespace lastword {
namespace {

Veto hard(std::string reason, std::string remedy) {
  return {.reason = std::move(reason), .remedy = std::move(remedy)};
}

std::optional<Veto> against_rules(const Config& config, const pb::MailboxSlot& slot) {
  const std::string& name = config.partner.name;
  if (slot.protocol() != kProtocolVersion) {
    return hard(fmt::format("{} speaks version {} of the protocol, and this node {}", name,
                            slot.protocol(), kProtocolVersion),
                "bring both to one version of lastword");
  }
  const std::string differ = settings_that_differ(shared_settings(config.timing), slot.settings());
  if (differ.empty()) return std::nullopt;
  return hard("settings differ between the nodes: " + differ, std::string(kSameSettings));
}

}  // namespace

std::string phase_name(pb::NodePhase phase) {
  std::string name = pb::NodePhase_Name(phase);
  if (name.starts_with("PHASE_")) name.erase(0, 6);
  std::ranges::transform(name, name.begin(), [](char letter) {
    return letter == '_' ? '-' : static_cast<char>(letter | 0x20);
  });
  return name.empty() ? "not known to this version" : name;
}

bool can_be_judged(const NodeState& state, const PartnerWord& partner) {
  return !state.mailbox_disks.empty() && partner.slot.has_value();
}

std::vector<Veto> against_word(const Survey& survey, const Config& config, const NodeState& state,
                               const PartnerWord& partner) {
  const std::string& name = config.partner.name;
  if (state.mailbox_disks.empty()) {
    return {hard("no mailbox disk tells this node of " + name,
                 "label one, and run `lastword start` on both nodes "
                 "(/usr/share/doc/lastword/operations.md); a giveback takes --to-life")};
  }
  if (!partner.slot) {
    return {hard(
        fmt::format("no mailbox disk in sight tells of {}", name),
        fmt::format("repair the mailbox disks; `systemctl start lastword lastword-agent` on {}",
                    name))};
  }
  std::vector<Veto> vetoes;
  const pb::MailboxSlot& slot = *partner.slot;
  if (!partner.heard) {
    vetoes.push_back(
        hard(fmt::format("{} is not heard: it wrote nothing while this node listened", name),
             fmt::format("is {} up? `lastword start` there, then its agent", name)));
  }
  if (const std::uint32_t latest = latest_generation(survey, config, config.partner.id);
      slot.generation() < latest) {
    vetoes.push_back(hard(fmt::format("{} lives in life {}, and last spoke in life {}", name,
                                      latest, slot.generation()),
                          "wait for its agent to say more"));
  }
  if (auto veto = against_rules(config, slot)) vetoes.push_back(std::move(*veto));
  return vetoes;
}

std::vector<Veto> against_sight(const Survey& survey, const Config& config, std::uint64_t sees,
                                std::string_view whose, const std::vector<std::size_t>& disks,
                                std::string_view if_unknown) {
  std::vector<std::string> uuids;
  std::string names;
  for (const std::size_t disk : disks) {
    uuids.push_back(survey.disks[disk].label->disk_uuid());
    names += fmt::format("{}{} ({})", names.empty() ? "" : ", ", survey.disks[disk].info.path,
                         uuids.back());
  }
  if (sees == mailbox_set(uuids)) return {};
  const std::string& name = config.partner.name;
  std::string reason =
      fmt::format("{} does not say which of {} disks it sees{}", name, whose, if_unknown);
  if (sees != 0) {
    const auto seen = static_cast<std::size_t>(sees >> 32) - 1;
    reason = seen == uuids.size()
                 ? fmt::format("{} sees other {} disks of {} than this node does: {}", name, seen,
                               whose, names)
                 : fmt::format("{} sees {} of {} disks whole, and this node {}: {}", name, seen,
                               whose, uuids.size(), names);
  }
  return {hard(reason, fmt::format("`lastword candidates` on {} shows what it sees; repair its "
                                   "paths, or this node's",
                                   name))};
}

std::optional<Veto> against_presence(const Config& config, const pb::MailboxSlot& slot) {
  if (slot.presence() == pb::WATCHING) return std::nullopt;
  return hard(fmt::format("the agent of {} does not run", config.partner.name),
              fmt::format("`systemctl start lastword lastword-agent` on {}", config.partner.name));
}

std::string why_life_ended(const Survey& survey, const Config& config, std::uint32_t life) {
  const std::uint32_t latest = latest_generation(survey, config, config.partner.id);
  if (latest > life) {
    return fmt::format("{} has begun another life, {}", config.partner.name, latest);
  }
  for (const DiskView& disk : survey.disks) {
    if (has_panicked(disk, config, latest)) {
      return fmt::format("{} has panicked in life {}", config.partner.name, life);
    }
  }
  return {};
}

}  // namespace lastword
