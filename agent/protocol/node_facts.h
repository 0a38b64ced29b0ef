// All that a node knows when it decides what state it is in: plain data, gathered by a driver.
// node_plan.h makes events of it, takeover_refusals.h reasons.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/protocol/disk_view.h"
#include "agent/protocol/node_phase.h"
#include "agent/protocol/node_state.h"
#include "agent/protocol/refusal.h"
#include "agent/protocol/takeover_intent.h"

namespace lastword {

// Set by an operator, durable, and shown by `check` and `status`.
struct Switch {
  bool on = false;
  std::int64_t until_unix_ms = 0;  // 0: for good. A clock that is set back makes it last longer.
};
[[nodiscard]] bool is_on(const Switch& asked, std::int64_t now_unix_ms);

struct Switches {
  Switch disable;      // no automatic takeover by either node
  Switch no_takeover;  // no automatic takeover from the node that has set it
};

// How long all paths have been silent: of ticks that were on time, after a fresh read of each path.
enum class Silence : std::uint8_t { kNone, kHalf, kWhole };
struct PeerVoice {
  bool seen = false;      // a message of the peer's present life came in this boot
  bool expected = false;  // to an agent before this one; this one waits for the next
  // Since the last new message; where none came, since this node began to listen.
  Silence silence = Silence::kNone;
};

// The newest message of the peer. Absent facts are those of a peer that never spoke.
struct PeerWord {
  std::uint32_t generation = 0;  // its life; 0: no message in this boot
  Phase phase = Phase::kLooking;
  std::uint32_t version = 0;      // of the protocol
  std::uint64_t mailbox_set = 0;  // that it counts votes by: mailbox_set() in mailbox.h
  Switches switches;
  bool has_our_disks = false;  // it serves, or is about to serve, disks of this node
};

// What one survey says, of the peer and of this node's present life.
struct DiskFacts {
  std::uint32_t peer_generation = 0;  // the peer's latest life that anything tells of
  bool peer_owns_ours = false;        // disks that this life never had, and that it is not promised
  bool peer_life_holds_ours = false;  // of those, one by the key of its latest life
  bool promised = false;              // a label promises a disk of this node to this life
  bool announced = false;             // the peer's intent against this life is open
  bool announced_earlier = false;     // the peer's intent against an earlier life says TAKING
  bool peer_panicked = false;         // in its latest life
  bool peer_in_service = false;       // its latest life holds a disk of its own
  bool has_peer_disk = false;         // this node owns or holds a disk of the peer
  bool preempted = false;             // see NodeEvent::kPreempted
  bool service_preempted = false;     // see NodeEvent::kServicePreempted
  bool reservations_lost = false;     // see NodeEvent::kReservationsLost
  bool mailbox_majority = false;      // more than half of the mailbox disks tell of the peer
  IntentVerdict verdict = IntentVerdict::kNothing;  // on this node's own intent
};
// `state`: of the present life, whose generation is chosen before the first look. `intent`: this
// node's own, as of now. `promised`: UUIDs of disks of this node whose labels promise them to this
// life.
[[nodiscard]] DiskFacts disk_facts(const Survey& survey, const Config& config,
                                   const NodeState& state,
                                   const std::optional<pb::TakeoverIntent>& intent,
                                   const std::vector<std::string>& promised = {});

struct NodeFacts {
  // Absent: no survey since the last event that needs one.
  std::optional<DiskFacts> disks;
  PeerVoice voice;
  PeerWord word;
  std::optional<pb::TakeoverIntent> intent;  // this node's own, as of now
  bool intent_ordered = false;               // an operator had ordered that takeover
  bool giveback_open = false;                // this node's giveback was begun and not closed
  bool nothing_left_to_take = false;         // of what a peer has left that said RELEASED
  // Why the peer's silence is not acted on. Absent: refusals_on_silence() finds it.
  std::optional<Refusals> against_silence;
  bool asked_to_leave = false;   // by a request that names this life, not expired
  std::uint32_t asked_life = 0;  // the peer's life that this node asked to leave
  bool gives_first = false;      // of two that wait: the one with the higher number
  // What both nodes must agree on.
  std::uint32_t version = 0;
  std::uint64_t mailbox_set = 0;
  std::size_t mailbox_disks = 0;
  std::vector<std::string> settings_that_differ;  // names, as in the configuration file
  Switches switches;                              // this node's
  std::int64_t now_unix_ms = 0;                   // wall clock, for the end of switches only
};

// The takeover that this node's intent tells of goes on: it was interrupted, or a disk of the peer
// is here.
[[nodiscard]] bool takeover_is_open(const NodeFacts& facts);

}  // namespace lastword
