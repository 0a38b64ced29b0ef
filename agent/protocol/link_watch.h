// How one link is: does what is sent by it arrive, does anything come, what was dropped? Pure. What
// it means for the partner's life is for peer_watch.h to say.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/protocol/datagram.h"
#include "proto/timing.h"

namespace lastword {

enum class LinkState : std::uint8_t {
  kNew,     // nothing has come yet, and it is early
  kWorks,   // both ways
  kQuiet,   // nothing comes for half of the silence time
  kOneWay,  // the partner's datagrams come, and it gets none of this node's
  kFailed,  // this node's own socket or network refuses
};
[[nodiscard]] std::string_view name_of(LinkState state);

class LinkWatch {
 public:
  LinkWatch(const Timing& timing, Instant now) : timing_(timing), began_(now), answered_(now) {}

  // One of the partner's has come, newer than those before on this link; believed or not. `own`:
  // this node's present life.
  void arrived(const Datagram& datagram, std::uint32_t own, Instant now);
  // True: the first of that kind, which is worth telling.
  bool dropped(DatagramFault fault);
  // The last attempt to open, send or receive; empty: it went well.
  void attempted(std::string problem) { problem_ = std::move(problem); }

  [[nodiscard]] LinkState state(Instant now) const;
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] std::uint64_t dropped_of(DatagramFault fault) const {
    return drops_.at(static_cast<std::size_t>(fault));
  }

 private:
  [[nodiscard]] milliseconds patience() const { return timing_.peer_silence() / 2; }

  Timing timing_;
  Instant began_;
  std::optional<Instant> heard_;
  HeartbeatId answer_;  // the newest of this node's that has come by this link, as the partner says
  Instant answered_;
  std::string problem_;
  std::array<std::uint64_t, kDatagramFaults> drops_{};
};

}  // namespace lastword
