#include "agent/protocol/giveback_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/protocol/failure_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/ownership.h"
#include "proto/coredump.h"

namespace lastword {
namespace {

ReservationKey key_of_partner(const Config& config, std::uint32_t life) {
  return make_key({.cluster = cluster_key_bits(config.cluster_uuid),
                   .node = config.partner.id,
                   .boot_generation = life});
}

bool is_held_under(const DiskView& disk, ReservationKey key) {
  return disk.reservation && disk.reservation->holder == key;
}

class Vetoes {
 public:
  Vetoes(const Survey& survey, const Config& config, const NodeState& state, GivebackPlan& plan)
      : survey_(survey), config_(config), state_(state), plan_(plan) {}

  // True: what the partner says can be believed.
  bool judge_word(const PartnerWord& partner) {
    auto vetoes = against_word(survey_, config_, state_, partner);
    std::ranges::move(vetoes, std::back_inserter(plan_.vetoes));
    return can_be_judged(state_, partner);
  }

  // Nothing tells whether it is so: a promise to another life is taken by nobody.
  void judge_told_life(std::uint32_t life, std::uint32_t victim) {
    const std::uint32_t latest =
        std::max(victim + 1, latest_generation(survey_, config_, config_.partner.id));
    if (life >= latest) return;
    add(fmt::format("life {} of {} is over: the next can be {}", life, config_.partner.name,
                    latest),
        fmt::format("`lastword start` on {} says in which life it waits", config_.partner.name));
  }

  // What was sent against the keys of the life that was taken over may be executed late: that life
  // gets nothing back.
  void judge_life(const pb::MailboxSlot& slot, std::uint32_t taken_from) {
    if (slot.generation() > taken_from) return;
    const std::string& name = config_.partner.name;
    add(fmt::format("{} waits in life {}, from which this node took over", name, slot.generation()),
        fmt::format("begin a new life on {}: `lastword stop`, then `systemctl start lastword`",
                    name));
  }

  void judge_phase(const pb::MailboxSlot& slot, bool was_begun) {
    const bool waits =
        slot.phase() == pb::PHASE_WAITING || (was_begun && slot.phase() == pb::PHASE_RECEIVING);
    if (waits && slot.presence() == pb::WATCHING) return;
    const std::string& name = config_.partner.name;
    if (auto veto = against_presence(config_, slot)) return plan_.vetoes.push_back(*veto);
    add(fmt::format("{} does not wait for its disks: its state is {}", name,
                    phase_name(slot.phase())),
        fmt::format("it waits when it has rebooted and `lastword start` has run there: `lastword "
                    "check` on {}",
                    name));
  }

  void judge_sight(const pb::MailboxSlot& slot, const std::vector<std::size_t>& home) {
    const auto if_unknown = fmt::format(
        ": it has not looked yet, or cannot read a disk that its service needs (mend that disk, or "
        "take it away from {}, or let the service begin without: [takeover] incomplete_service)",
        config_.partner.name);
    auto vetoes = against_sight(survey_, config_, slot.sees(), "its own", home, if_unknown);
    std::ranges::move(vetoes, std::back_inserter(plan_.vetoes));
  }

  void judge_disk(std::size_t index, Whereabouts where) {
    const DiskView& disk = survey_.disks[index];
    if (where == Whereabouts::kAstray) {
      const std::string holder =
          disk.reservation ? to_string(disk.reservation->holder) + " holds it" : "nobody holds it";
      const std::string known = disk.scsi_problem ? describe(*disk.scsi_problem) : holder;
      add("this node does not both own and hold it: " + known,
          "`lastword takeover` here finishes its takeover, or takes the disk under the present "
          "key; after an I/O error repair the path first",
          index);
      return;
    }
    if (where != Whereabouts::kHere && where != Whereabouts::kPromised) return;
    if (!may_hold_dump(disk.label->role())) return;
    const bool unsaved =
        holds_unsaved_dump(disk.header) || disk.header.attribute() == pb::IN_PROGRESS;
    if (!unsaved && !disk.problem) return;
    plan_.vetoes.push_back(
        {.kind = Veto::Kind::kUnsavedDump,
         .disk = index,
         .reason = disk.problem ? "its coredump header cannot be read, and may tell of a dump: " +
                                      describe(*disk.problem)
                                : "it holds a dump that is not saved",
         .remedy = fmt::format("`lastword recover {}` here; or --leave-dump, {}", disk.info.path,
                               what_becomes_of_left_dump())});
  }

  [[nodiscard]] std::string what_becomes_of_left_dump() const {
    const std::string& name = config_.partner.name;
    if (!config_.keep_latest) return fmt::format("and {} recovers it", name);
    return fmt::format(
        "but {} arms as soon as a dump disk is back, and gives the dump up for that where nothing "
        "else can hold the next (keep = \"latest\")",
        name);
  }

  // A dump of a life that is over is an unsaved one.
  void judge_panic(const std::vector<std::size_t>& home) {
    const std::uint32_t latest = latest_generation(survey_, config_, config_.partner.id);
    for (const std::size_t index : home) {
      const DiskView& disk = survey_.disks[index];
      if (!has_panicked(disk, config_, latest)) continue;
      const bool running = disk.header.attribute() == pb::IN_PROGRESS;
      add(running ? fmt::format("a dump of {} is running on it", config_.partner.name)
                  : fmt::format("{} has panicked in its present life", config_.partner.name),
          "the agent here takes over; give back when the dump is saved and the node waits again",
          index);
    }
  }

  void add(std::string reason, std::string remedy, std::optional<std::size_t> disk = {}) {
    plan_.vetoes.push_back({.kind = Veto::Kind::kHard,
                            .disk = disk,
                            .reason = std::move(reason),
                            .remedy = std::move(remedy)});
  }

 private:
  const Survey& survey_;
  const Config& config_;
  const NodeState& state_;
  GivebackPlan& plan_;
};

// 0: from none that is known.
std::uint32_t life_taken_from(const Survey& survey, const Config& config,
                              const std::optional<pb::TakeoverIntent>& intent) {
  const bool open = intent && (intent->phase() == pb::TakeoverIntent::TAKING ||
                               intent->phase() == pb::TakeoverIntent::TAKEN ||
                               intent->phase() == pb::TakeoverIntent::RETURNING);
  return life_given_back(survey, config, open ? intent : std::nullopt);
}

bool is_to_return(const DiskView& disk, const Config& config) {
  return disk.label->owner_node() == config.self.id || holder_node(disk, config) == config.self.id;
}

}  // namespace

Whereabouts whereabouts(const DiskView& disk, const Config& config, ReservationKey own,
                        std::uint32_t life) {
  const pb::Label& label = *disk.label;
  const bool partner_holds = holder_node(disk, config) == config.partner.id;
  if (label.owner_node() == config.partner.id) {
    if (holder_node(disk, config) == config.self.id) return Whereabouts::kAstray;
    const bool returned =
        label.owner_generation() == life && is_held_under(disk, key_of_partner(config, life));
    return returned ? Whereabouts::kReturned : Whereabouts::kOnItsWay;
  }
  if (label.owner_node() != config.self.id) return Whereabouts::kAstray;
  if (is_held_under(disk, own)) {
    return is_promised_to(label, config.partner.id, life) ? Whereabouts::kPromised
                                                          : Whereabouts::kHere;
  }
  const bool was_promised = label.promised_node() == config.partner.id;
  return was_promised && partner_holds ? Whereabouts::kOnItsWay : Whereabouts::kAstray;
}

bool has_gone(const DiskView& disk, const Config& config, std::uint32_t victim) {
  if (disk.label->owner_node() == config.partner.id) {
    return disk.label->owner_generation() > victim;
  }
  return disk.label->promised_node() == config.partner.id &&
         holder_node(disk, config) == config.partner.id;
}

std::vector<std::size_t> disks_of_partner(const Survey& survey, const Config& config) {
  std::vector<std::size_t> disks;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (!in_cluster(disk, config) || disk.label->role() == pb::MAILBOX ||
        disk.label->home_node() != config.partner.id) {
      continue;
    }
    const std::uint8_t holder = holder_node(disk, config);
    const bool held = holder == config.self.id || holder == config.partner.id;
    if (!held && disks_with_uuid(survey, config, disk.label->disk_uuid()).size() > 1) continue;
    disks.push_back(i);
  }
  return disks;
}

bool partner_is_armed(const Survey& survey, const Config& config, std::uint32_t life) {
  return std::ranges::any_of(disks_of_partner(survey, config), [&](std::size_t disk) {
    const pb::CoredumpHeader& header = survey.disks[disk].header;
    return header.attribute() == pb::ARMED && is_of(header, {config.partner.id, life});
  });
}

std::uint32_t life_given_back(const Survey& survey, const Config& config,
                              const std::optional<pb::TakeoverIntent>& intent) {
  if (intent && intent->victim_node() == config.partner.id) return intent->victim_generation();
  std::uint32_t life = 0;
  for (const std::size_t disk : disks_of_partner(survey, config)) {
    if (survey.disks[disk].label->owner_node() != config.self.id) continue;
    life = std::max(life, survey.disks[disk].label->home_generation());
  }
  return life;
}

GivebackPlan plan_giveback(const Survey& survey, const Config& config, const NodeState& state,
                           const std::optional<pb::TakeoverIntent>& intent,
                           const PartnerWord& partner) {
  GivebackPlan plan{.life = partner.slot ? partner.slot->generation() : 0};
  if (partner.told_life != 0) plan.life = partner.told_life;
  Vetoes vetoes(survey, config, state, plan);
  const auto home = disks_of_partner(survey, config);
  const std::uint32_t victim = life_given_back(survey, config, intent);
  bool was_begun = intent && intent->phase() == pb::TakeoverIntent::RETURNING;
  for (const std::size_t index : home) {
    const DiskView& disk = survey.disks[index];
    const bool dump = may_hold_dump(disk.label->role());
    plan.can_arm |= dump;
    was_begun |= has_gone(disk, config, victim);
    if (is_to_return(disk, config)) (dump ? plan.dumps : plan.service).push_back(index);
    if (!dump) {
      plan.past_return |= has_gone(disk, config, victim) || disk.label->promised_node() != 0;
    }
  }
  const bool nothing = plan.dumps.empty() && plan.service.empty();
  const bool all_gone = !home.empty() && std::ranges::all_of(home, [&](std::size_t disk) {
    return has_gone(survey.disks[disk], config, victim);
  });
  if (all_gone && intent && intent->phase() == pb::TakeoverIntent::RETURNING && nothing) {
    return plan;
  }
  if (nothing) {
    vetoes.add(
        fmt::format("no disk of {} is here: there is nothing to give back", config.partner.name),
        "nothing: `lastword check` says how this node is");
    return plan;
  }
  if (partner.told_life != 0) {
    vetoes.judge_told_life(partner.told_life, victim);
  } else if (vetoes.judge_word(partner)) {
    vetoes.judge_life(*partner.slot, life_taken_from(survey, config, intent));
    vetoes.judge_phase(*partner.slot, was_begun);
    vetoes.judge_sight(*partner.slot, home);
  }
  vetoes.judge_panic(home);
  for (const auto* disks : {&plan.dumps, &plan.service}) {
    for (const std::size_t index : *disks) {
      vetoes.judge_disk(index, whereabouts(survey.disks[index], config, state.key, plan.life));
    }
  }
  return plan;
}

}  // namespace lastword
