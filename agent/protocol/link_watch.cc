#include "agent/protocol/link_watch.h"

namespace lastword {

std::string_view name_of(LinkState state) {
  switch (state) {
    case LinkState::kNew:
      return "new";
    case LinkState::kWorks:
      return "works";
    case LinkState::kQuiet:
      return "quiet";
    case LinkState::kOneWay:
      return "one-way";
    case LinkState::kFailed:
      return "failed";
  }
  return "?";
}

void LinkWatch::arrived(const Datagram& datagram, std::uint32_t own, Instant now) {
  // While nothing came, an answer could not come either.
  if (!heard_ || now - *heard_ >= patience()) answered_ = now;
  heard_ = now;
  if (datagram.echo.generation != own || datagram.echo <= answer_) return;
  answer_ = datagram.echo;
  answered_ = now;
}

bool LinkWatch::dropped(DatagramFault fault) {
  return drops_.at(static_cast<std::size_t>(fault))++ == 0;
}

LinkState LinkWatch::state(Instant now) const {
  if (!problem_.empty()) return LinkState::kFailed;
  if (now - heard_.value_or(began_) >= patience()) return LinkState::kQuiet;
  if (!heard_) return LinkState::kNew;
  return now - answered_ >= patience() ? LinkState::kOneWay : LinkState::kWorks;
}

}  // namespace lastword
