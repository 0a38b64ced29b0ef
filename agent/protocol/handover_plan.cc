#include "agent/protocol/handover_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "agent/protocol/failure_plan.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/peer_watch.h"
#include "agent/protocol/remedies.h"
#include "agent/protocol/start_plan.h"
#include "agent/protocol/takeover_input.h"
#include "agent/protocol/takeover_intent.h"

namespace lastword {
namespace {

class AgainstLeaving {
 public:
  AgainstLeaving(const Survey& survey, const Config& config, const NodeState& state,
                 std::vector<Veto>& vetoes)
      : survey_(survey), config_(config), state_(state), vetoes_(vetoes) {}

  void judge_self(const std::optional<pb::TakeoverIntent>& intent) {
    const std::string& name = config_.partner.name;
    if (state_.waiting) {
      add("this node waits for its own disks, and has none to leave",
          fmt::format("`lastword giveback` on {}", name));
    } else if (partner_has_taken_over(survey_, config_)) {
      add(fmt::format("{} has, or had, taken over from this node", name),
          std::string(way_to_wait(survey_, config_, state_.boot_generation)));
    }
    const auto phase = intent ? intent->phase() : pb::TakeoverIntent::NONE;
    const bool at_work = phase == pb::TakeoverIntent::ANNOUNCED ||
                         phase == pb::TakeoverIntent::TAKING ||
                         phase == pb::TakeoverIntent::RETURNING;
    if (has_partner_disk(survey_, config_)) {
      add(fmt::format("this node has disks of {}", name), "`lastword giveback` here first");
    } else if (at_work) {
      add(fmt::format("a takeover from {}, or a giveback, is not at its end here", name),
          "`systemctl restart lastword-agent`: it ends that; or `lastword takeover`, or `lastword "
          "giveback`");
    }
  }

  void judge_votes() {
    if (state_.mailbox_disks.empty()) return;  // told by the partner's word
    const auto joined = std::ranges::count_if(survey_.disks, [&](const DiskView& disk) {
      return is_mailbox_disk(disk, config_) && is_registered(disk, state_.key) &&
             std::ranges::count(state_.mailbox_disks, disk.label->disk_uuid()) != 0;
    });
    if (2 * static_cast<std::size_t>(joined) > state_.mailbox_disks.size()) return;
    add(fmt::format("this node is registered on {} of {} mailbox disks, and could not tell {}",
                    joined, state_.mailbox_disks.size(), config_.partner.name),
        "`lastword start` joins the others");
  }

  void judge_word(const PartnerWord& partner) {
    append(against_word(survey_, config_, state_, partner));
  }

  void judge_phase(const pb::MailboxSlot& slot) {
    if (auto veto = against_presence(config_, slot)) return vetoes_.push_back(*veto);
    if (is_normal(slot.phase())) return;
    add(fmt::format("{} is {}, and does not serve its own disks only", config_.partner.name,
                    phase_name(slot.phase())),
        fmt::format("`lastword status` on {} says what it waits for", config_.partner.name));
  }

  void judge_panic() {
    const std::uint32_t latest = latest_generation(survey_, config_, config_.partner.id);
    for (std::size_t i = 0; i < survey_.disks.size(); ++i) {
      if (!has_panicked(survey_.disks[i], config_, latest)) continue;
      add(fmt::format("{} has panicked in its present life", config_.partner.name),
          "the agent here takes over", i);
    }
  }

  void judge_sight(const pb::MailboxSlot& slot, const std::vector<std::size_t>& own) {
    append(against_sight(survey_, config_, slot.sees_partner(),
                         fmt::format("{}'s", config_.self.name), own));
  }

  void judge_disk(std::size_t index) {
    const DiskView& disk = survey_.disks[index];
    if (is_here(disk, config_, state_.key)) return;
    add(disk.scsi_problem ? describe(*disk.scsi_problem) : "this node does not own and hold it",
        "`lastword start` takes it; after an I/O error repair the path first", index);
  }

  void add(std::string reason, std::string remedy, std::optional<std::size_t> disk = {}) {
    vetoes_.push_back({.disk = disk, .reason = std::move(reason), .remedy = std::move(remedy)});
  }

 private:
  void append(std::vector<Veto> more) { std::ranges::move(more, std::back_inserter(vetoes_)); }

  const Survey& survey_;
  const Config& config_;
  const NodeState& state_;
  std::vector<Veto>& vetoes_;
};

bool is_taken_by(const std::optional<pb::TakeoverIntent>& intent, const Config& config,
                 std::uint32_t life) {
  return intent && intent->victim_node() == config.partner.id &&
         intent->victim_generation() >= life &&
         (intent->phase() == pb::TakeoverIntent::TAKING ||
          intent->phase() == pb::TakeoverIntent::TAKEN ||
          intent->phase() == pb::TakeoverIntent::RETURNING);
}

// Which is the last word of a life. One that has said that it leaves does not take that back:
// heartbeats of its agent that did not know yet may go on, on a mailbox disk that was not told. One
// that is gone may come back, where `stop` has kept disks of the partner's.
bool outweighs(const pb::MailboxSlot& one, const pb::MailboxSlot& other) {
  const bool one_left = one.phase() == pb::PHASE_HANDED_OVER;
  const bool other_left = other.phase() == pb::PHASE_HANDED_OVER;
  if (one.generation() == other.generation() && one_left != other_left &&
      one.presence() != pb::GONE && other.presence() != pb::GONE) {
    return one_left;
  }
  return std::tuple(one.generation(), one.sequence()) >
         std::tuple(other.generation(), other.sequence());
}

// A disk that is out of sight may have told it before, or a link; and a survey may be ahead of what
// was heard.
std::optional<pb::MailboxSlot> last_word(const Survey& survey, const Config& config,
                                         const std::optional<pb::MailboxSlot>& heard) {
  std::optional<pb::MailboxSlot> word;
  if (heard && heard->node() == config.partner.id) word = heard;
  for (const pb::MailboxSlot* slot : slots_of(survey, config, config.partner.id)) {
    if (!word || outweighs(*slot, *word)) word = *slot;
  }
  return word;
}

}  // namespace

bool is_normal(pb::NodePhase phase) {
  return phase == pb::PHASE_UNSEEN || phase == pb::PHASE_PAIRED || phase == pb::PHASE_SUSPECT ||
         phase == pb::PHASE_STANDING_BY;
}

bool partner_owns_and_holds(const DiskView& disk, const Config& config) {
  return disk.label->owner_node() == config.partner.id &&
         holder_node(disk, config) == config.partner.id;
}

bool is_here(const DiskView& disk, const Config& config, ReservationKey own) {
  return disk.label->owner_node() == config.self.id && disk.reservation &&
         disk.reservation->holder == own;
}

std::vector<std::size_t> own_disks(const Survey& survey, const Config& config) {
  std::vector<std::size_t> disks;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (!is_own_disk(disk, config)) continue;
    const std::uint8_t holder = holder_node(disk, config);
    const bool held = holder == config.self.id || holder == config.partner.id;
    if (!held && disks_with_uuid(survey, config, disk.label->disk_uuid()).size() > 1) continue;
    disks.push_back(i);
  }
  return disks;
}

HandoverPlan plan_handover(const Survey& survey, const Config& config, const NodeState& state,
                           const std::optional<pb::TakeoverIntent>& intent,
                           const PartnerWord& partner) {
  HandoverPlan plan{.life = partner.slot ? partner.slot->generation() : 0,
                    .own = own_disks(survey, config)};
  for (const std::size_t disk : plan.own) {
    if (survey.disks[disk].label->role() == pb::SERVICE) plan.service.push_back(disk);
  }
  AgainstLeaving vetoes(survey, config, state, plan.vetoes);
  vetoes.judge_self(intent);
  if (plan.own.empty()) {
    vetoes.add("no disk of this node is in sight: there is nothing to leave",
               "`lastword candidates` lists what this node sees");
  }
  vetoes.judge_votes();
  vetoes.judge_word(partner);
  if (can_be_judged(state, partner)) {
    vetoes.judge_phase(*partner.slot);
    vetoes.judge_sight(*partner.slot, plan.own);
  }
  vetoes.judge_panic();
  if (!state.waiting) {
    for (const std::size_t disk : plan.own) vetoes.judge_disk(disk);
  }
  return plan;
}

std::vector<Veto> against_asking(const Survey& survey, const Config& config, const NodeState& state,
                                 const PartnerWord& partner) {
  std::vector<Veto> list;
  AgainstLeaving vetoes(survey, config, state, list);
  if (state.waiting) {
    vetoes.add("this node waits for its own disks",
               fmt::format("`lastword giveback` on {} first", config.partner.name));
  }
  vetoes.judge_word(partner);
  if (can_be_judged(state, partner)) vetoes.judge_phase(*partner.slot);
  return list;
}

bool has_left(const Survey& survey, const Config& config,
              const std::optional<pb::MailboxSlot>& heard, std::uint32_t life) {
  const auto word = last_word(survey, config, heard);
  return word && word->generation() == life && word->phase() == pb::PHASE_HANDED_OVER &&
         word->presence() != pb::GONE &&
         latest_generation(survey, config, config.partner.id) <= life;
}

std::optional<std::uint32_t> life_to_take_from(const Survey& survey, const Config& config,
                                               const NodeState& state,
                                               const std::optional<pb::MailboxSlot>& heard,
                                               const std::optional<pb::TakeoverIntent>& intent) {
  const auto word = last_word(survey, config, heard);
  if (!word || !has_left(survey, config, heard, word->generation())) return std::nullopt;
  if (state.stopped || state.handed_over || state.waiting) return std::nullopt;
  if (partner_has_taken_over(survey, config)) return std::nullopt;
  if (is_taken_by(intent, config, word->generation())) return std::nullopt;
  const auto disks = partner_disks(survey, config);
  if (std::ranges::all_of(disks,
                          [&](const DiskView& disk) { return is_here(disk, config, state.key); })) {
    return std::nullopt;
  }
  return word->generation();
}

bool asks_to_leave(const pb::MailboxSlot& slot, const NodeState& state) {
  return !slot.request().id().empty() && slot.request().asked_generation() == state.boot_generation;
}

}  // namespace lastword
