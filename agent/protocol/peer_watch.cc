#include "agent/protocol/peer_watch.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace lastword {

std::string_view name_of(Standing standing) {
  switch (standing) {
    case Standing::kUnseen:
      return "unseen";
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
      newest_(std::move(seen)),
      quiet_since_(now),
      last_tick_(now) {}

void PeerWatch::tick(Instant now) {
  const bool late = now - std::exchange(last_tick_, now) > timing_.settings.heartbeat;
  const bool deaf = 2 * read_since(now - timing_.freshness()) <= paths_;
  if (late || deaf) quiet_since_ = now;
}

bool PeerWatch::read(const std::string& path, const pb::MailboxSlot& slot, Instant asked,
                     Instant now) {
  const auto [place, first] = asked_.insert_or_assign(path, asked);
  if (slot.node() != peer_) return false;
  if (newest_ && !is_newer(slot, *newest_)) return false;
  newest_ = slot;
  if (first) return false;
  heard_ = true;
  quiet_since_ = now;
  return true;
}

Standing PeerWatch::standing(Instant now) const {
  if (!heard_) return Standing::kUnseen;
  if (newest_->presence() != pb::WATCHING) return Standing::kAway;
  const Instant end = quiet_since_ + silence();
  if (now >= end && paths_ > 0 && all_read_since(end, now)) return Standing::kSilent;
  return 2 * (now - quiet_since_) >= silence() ? Standing::kLate : Standing::kHeard;
}

milliseconds PeerWatch::silence() const {
  const milliseconds theirs{newest_ ? newest_->settings().silence_ms() : 0};
  return std::max(timing_.peer_silence(), std::min(theirs, kLongestTime));
}

std::size_t PeerWatch::read_since(Instant from) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(asked_, [&](const auto& path) { return path.second >= from; }));
}

bool PeerWatch::all_read_since(Instant from, Instant now) const {
  const bool answering_ones = std::ranges::all_of(asked_, [&](const auto& path) {
    return path.second >= from || path.second < now - timing_.freshness();
  });
  return answering_ones && 2 * read_since(from) > paths_;
}

}  // namespace lastword
