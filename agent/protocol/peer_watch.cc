#include "agent/protocol/peer_watch.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace lastword {

std::string_view name_of(Standing standing) {
  switch (standing) {
    case Standing::kUnseen:
      return "unseen";
    case Standing::kExpected:
      return "expected";
    case Standing::kHeard:
      return "heard";
    case Standing::kLate:
      return "late";
    case Standing::kSilent:
      return "silent";
    case Standing::kAway:
      return "away";
  }
  return "?";
}

bool is_newer(const pb::MailboxSlot& one, const pb::MailboxSlot& other) {
  return std::pair(one.generation(), one.sequence()) >
         std::pair(other.generation(), other.sequence());
}

PeerWatch::PeerWatch(const Timing& timing, std::uint8_t peer, std::optional<pb::MailboxSlot> seen,
                     Instant now)
    : timing_(timing),
      peer_(peer),
      heard_(seen.has_value()),
      heard_on_disks_(seen.has_value()),
      newest_(std::move(seen)),
      news_at_(now),
      answered_(now),
      quiet_since_(now),
      last_tick_(now) {
  if (newest_) newest_on_disks_ = id_of(*newest_);
}

void PeerWatch::tick(Instant now) {
  const bool late = now - std::exchange(last_tick_, now) > timing_.settings.heartbeat;
  const Instant fresh = now - timing_.freshness();
  const bool any_link =
      std::ranges::any_of(links_, [&](const auto& link) { return link.second.asked >= fresh; });
  // Without mailbox disks nobody is silent; that nothing comes by a link is still worth telling.
  const bool deaf = paths_ == 0 ? !any_link : 2 * read_since(fresh) <= paths_;
  if (late || deaf) quiet_since_ = now;
}

bool PeerWatch::read(const std::string& path, const pb::MailboxSlot& slot, Instant asked,
                     Instant now) {
  const auto [place, first] = disks_.try_emplace(path);
  Ear& ear = place->second;
  ear.asked = asked;
  if (slot.node() != peer_) return false;
  looked_ = true;
  ear.back = id_of(slot) < ear.newest ? ear.back + 1 : 0;
  if (id_of(slot) > ear.newest) {
    ear.newest = id_of(slot);
    if (!first) {
      ear.heard_at = now;
      ++ear.heard;
    }
  }
  // A link may have brought it before. It was written meanwhile all the same.
  const bool news = !newest_ || id_of(slot) > newest_on_disks_;
  if (!news) return false;
  newest_on_disks_ = id_of(slot);
  if (first) {
    if (!newest_ || is_newer(slot, *newest_)) newest_ = slot;
    return false;
  }
  heard_on_disks_ = true;
  take(slot, now);
  return true;
}

void PeerWatch::speak_as(std::uint32_t generation, std::uint64_t since) {
  if (own_.generation == generation) return;
  own_ = {.generation = generation, .sequence = since};
}

bool PeerWatch::answers_this_agent(const HeartbeatId& named) const {
  return own_.generation != 0 && named.generation == own_.generation &&
         named.sequence > own_.sequence;
}

// A command has ended that life, or let it leave, and told so on a mailbox disk. The agent that
// sent this did not know yet.
bool PeerWatch::contradicts_end(const pb::MailboxSlot& slot) const {
  if (!newest_ || newest_->generation() != slot.generation()) return false;
  const bool gone = newest_->presence() == pb::GONE && slot.presence() != pb::GONE;
  const bool left =
      newest_->phase() == pb::PHASE_HANDED_OVER && slot.phase() != pb::PHASE_HANDED_OVER;
  return gone || left;
}

PeerWatch::Hearing PeerWatch::hear(const std::string& link, const Datagram& datagram, Instant now) {
  const pb::MailboxSlot& slot = datagram.slot;
  Ear& ear = links_[link];
  if (slot.node() != peer_ || id_of(slot) <= ear.newest) return Hearing::kOld;
  ear.newest = id_of(slot);
  proven_ =
      proven_ || answers_this_agent(datagram.echo) ||
      answers_this_agent({.generation = slot.echo_generation(), .sequence = slot.echo_sequence()});
  if (!proven_) return Hearing::kUnproven;
  if (contradicts_end(slot)) return Hearing::kOld;
  ear.heard_at = now;
  ++ear.heard;
  if (newest_ && !is_newer(slot, *newest_)) return Hearing::kKnown;
  take(slot, now);
  return Hearing::kHeard;
}

void PeerWatch::emptied(const std::string& link, Instant now) {
  links_[link].asked = now;
}

void PeerWatch::take(const pb::MailboxSlot& slot, Instant now) {
  // While it was not heard, its answers could not come either.
  if (2 * (now - news_at_) >= silence()) answered_ = now;
  heard_ = heard_here_ = true;
  news_at_ = quiet_since_ = now;
  if (newest_ && !is_newer(slot, *newest_)) return;
  newest_ = slot;
  const HeartbeatId named{.generation = slot.echo_generation(), .sequence = slot.echo_sequence()};
  if (!answers_this_agent(named) || named <= answer_) return;
  answer_ = named;
  answered_ = now;
}

Standing PeerWatch::standing(Instant now) const {
  if (!heard_) return Standing::kUnseen;
  if (newest_->presence() != pb::WATCHING && (heard_here_ || looked_)) return Standing::kAway;
  const Instant end = quiet_since_ + silence();
  if (now >= end && counts_silence() && all_read_since(end, now)) return Standing::kSilent;
  if (2 * (now - quiet_since_) >= silence()) return Standing::kLate;
  return heard_here_ ? Standing::kHeard : Standing::kExpected;
}

bool PeerWatch::counts_silence() const {
  return paths_ > 0 && newest_ && life_on_disks() == newest_->generation();
}

milliseconds PeerWatch::silence() const {
  const milliseconds theirs{newest_ ? newest_->settings().silence_ms() : 0};
  return std::max(timing_.peer_silence(), std::min(theirs, kLongestTime));
}

std::uint32_t PeerWatch::life_on_disks() const {
  return heard_on_disks_ ? newest_on_disks_.generation : 0;
}

const PeerWatch::Ear* PeerWatch::disk(const std::string& path) const {
  const auto found = disks_.find(path);
  return found == disks_.end() ? nullptr : &found->second;
}

const PeerWatch::Ear* PeerWatch::link(const std::string& name) const {
  const auto found = links_.find(name);
  return found == links_.end() ? nullptr : &found->second;
}

std::size_t PeerWatch::read_since(Instant from) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(disks_, [&](const auto& disk) { return disk.second.asked >= from; }));
}

bool PeerWatch::all_read_since(Instant from, Instant now) const {
  const Instant fresh = now - timing_.freshness();
  const auto is_read = [&](const auto& path) {
    return path.second.asked >= from || path.second.asked < fresh;
  };
  return std::ranges::all_of(disks_, is_read) && std::ranges::all_of(links_, is_read) &&
         2 * read_since(from) > paths_;
}

}  // namespace lastword
