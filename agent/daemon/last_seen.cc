#include "agent/daemon/last_seen.h"

#include <algorithm>
#include <utility>

#include "agent/node/state_files.h"
#include "agent/protocol/failure_plan.h"
#include "agent/protocol/handover_plan.h"
#include "agent/protocol/start_plan.h"
#include "agent/protocol/takeover_input.h"

namespace lastword {

bool LastSeen::update(ShelfWatch::Seen fresh) {
  keep_newer_headers(fresh.look.survey, look.survey);
  look = std::move(fresh.look);
  latest_ = latest_generation(look.survey, config, config.partner.id);
  // `lastword start` may have run anew: under another key, or with more mailbox disks.
  alive = fresh.state && !fresh.state->stopped && !fresh.state->handed_over;
  if (fresh.state) state = *fresh.state;
  intent = fresh.intent.intent;
  switches = fresh.switches.switches;
  request = std::move(fresh.request);
  places = dump_places(look.survey, config);
  if (fresh.state) return true;
  // Where `lastword stop` has removed the state, this life's key has gone before. Where it is
  // there, the node serves, and its heartbeats must go on: without them it counts as dead.
  state.stopped = std::ranges::none_of(
      look.survey.disks, [&](const DiskView& disk) { return is_registered(disk, state.key); });
  return state.stopped;
}

void LastSeen::update(const std::vector<SeenHeader>& headers) {
  bool other_life = false;
  for (const SeenHeader& one : headers) {
    DiskView& disk = look.survey.disks[one.disk];
    const auto life = [&disk] {
      return std::pair(disk.header.node(), disk.header.boot_generation());
    };
    const auto before = life();
    update_header(disk, one);
    other_life |= life() != before;
  }
  if (other_life) latest_ = latest_generation(look.survey, config, config.partner.id);
}

bool LastSeen::is_settled(std::uint32_t life, std::uint64_t settled) const {
  const bool open = intent && (intent->phase() == pb::TakeoverIntent::TAKING ||
                               intent->phase() == pb::TakeoverIntent::TAKEN);
  return open && intent->victim_node() == config.partner.id &&
         intent->victim_generation() >= life && intent->number() <= settled;
}

bool LastSeen::is_left_to_person(const Settled& settled) const {
  if (intent->number() > settled.number) return false;
  if (is_taken_over_from(look.survey, config, state, intent)) return true;
  const auto left = left_with_victim(look.survey, config, state.key, intent);
  return std::ranges::all_of(
      left, [&](const std::string& uuid) { return std::ranges::count(settled.left, uuid) != 0; });
}

std::optional<std::size_t> LastSeen::panicked_disk() const {
  const std::uint32_t latest = latest_of_partner();
  const auto panicked = std::ranges::find_if(places, [&](std::size_t index) {
    return has_panicked(look.survey.disks[index], config, latest);
  });
  return panicked == places.end() ? std::nullopt : std::optional(*panicked);
}

ClusterSwitches LastSeen::switches_with(const std::optional<pb::MailboxSlot>& newest) const {
  ClusterSwitches known = switches;
  if (newest) known.peer = newer(known.peer, newest->switches());
  return known;
}

void LastSeen::read_request() {
  const auto open = load_request(config);
  request = open ? std::optional(*open) : std::nullopt;
}

Countdown LastSeen::countdown(Instant now) const {
  if (!request) return Countdown::kNone;
  const milliseconds over = now - milliseconds(request->ends_ms());
  if (over < milliseconds(0)) return Countdown::kRuns;
  if (!request->forces()) return Countdown::kNone;
  return over < kAgentRestart ? Countdown::kForces : Countdown::kForgotten;
}

pb::LeaveRequest LastSeen::asked(Instant now) const {
  if (!request) return {};
  pb::LeaveRequest asked = request->request();
  const auto left = std::max<std::int64_t>(request->ends_ms() - now.count(), 0);
  asked.set_left_ms(static_cast<std::uint32_t>(std::min(left, kLongestTime.count())));
  return asked;
}

std::vector<std::string> LastSeen::own_service() const {
  std::vector<std::string> paths;
  for (const std::size_t index : own_disks(look.survey, config)) {
    const DiskView& disk = look.survey.disks[index];
    if (disk.label->role() == pb::SERVICE && is_here(disk, config, state.key)) {
      paths.push_back(disk.info.path);
    }
  }
  return paths;
}

}  // namespace lastword
