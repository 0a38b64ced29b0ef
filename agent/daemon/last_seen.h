// What the agent saw last: of the shelf, of its own records, of what operators want. Plain data,
// and what follows from it without asking anything else.
#pragma once

#include <optional>
#include <vector>

#include "agent/daemon/shelf_watch.h"
#include "agent/protocol/switches.h"
#include "agent/protocol/takeover_intent.h"
#include "agent/protocol/watched_facts.h"

namespace lastword {

// The end of the last takeover of this agent, with something left for a person to look at: it is
// not resumed again by itself.
struct Settled {
  std::uint64_t number = 0;  // of the intent; 0: none
  // Of this node's own disks, those that were in sight then, and were left with the victim (UUIDs).
  std::vector<std::string> left = {};
};

struct LastSeen {
  // `of_life` counts until a survey tells of another.
  LastSeen(const Config& of_config, const NodeState& of_life) : config(of_config), state(of_life) {}

  // Keeps headers that were read since that survey began. False: the state of this life is gone,
  // although its key is on disks.
  bool update(ShelfWatch::Seen fresh);
  // All headers are updated before anything is concluded, because what the survey says of the other
  // disks may be seconds old. A disk that was armed since then must not count as a free spare. A
  // disk to which the dump moved since then must not count as one that holds an old dump.
  void update(const std::vector<SeenHeader>& headers);

  // This node's takeover from that life, or a later one, is open, and its number is `settled` or
  // lower. One that is over, as after a giveback, is not left to anybody.
  [[nodiscard]] bool is_settled(std::uint32_t life, std::uint64_t settled) const;
  // The rest of this node's takeover, which is open, is for a person. Not where a disk of this
  // node's own has come to light since, which the partner had before: it is taken once.
  [[nodiscard]] bool is_left_to_person(const Settled& settled) const;
  // Of `dump_places`, the first whose header tells of a panic of the partner's latest life.
  [[nodiscard]] std::optional<std::size_t> panicked_disk() const;
  // The life; asked ten times a second, of hundreds of disks.
  [[nodiscard]] std::uint32_t latest_of_partner() const { return latest_; }
  // The survey is seconds old; a heartbeat of the partner's may tell more.
  [[nodiscard]] ClusterSwitches switches_with(const std::optional<pb::MailboxSlot>& newest) const;
  // Of request.json, as it is now.
  void read_request();
  [[nodiscard]] Countdown countdown(Instant now) const;
  // What is asked of the partner, with what is left of the countdown; empty: nothing.
  [[nodiscard]] pb::LeaveRequest asked(Instant now) const;
  // This node's disks of the service that it has.
  [[nodiscard]] std::vector<std::string> own_service() const;

  const Config& config;
  NodeState state;     // of this node
  bool alive = false;  // `state` is of a life that goes on
  Look look;
  std::optional<pb::TakeoverIntent> intent;  // this node's
  ClusterSwitches switches;
  std::optional<pb::OpenRequest> request;  // to the partner
  std::vector<std::size_t> places;         // disks that may hold the partner's dump, as indices

 private:
  std::uint32_t latest_ = 0;  // as `look` says
};

}  // namespace lastword
