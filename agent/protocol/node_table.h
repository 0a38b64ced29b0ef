// The node machine as one table: for each state and each event, what the node is next and what it
// does. Pure; docs/protocol.md is drawn from it (tests/agent/protocol/node_diagram.h).
//
// Contract of a driver, for each event:
//   1. row = node_row(phase, event)
//   2. the new state is durable, on the own disk and in the own mailbox slot, before
//   3. the actions are carried out, in their order
//   4. what comes of them is the next event
// An action that is not over when the state changes goes on where goes_on() says so, and is given
// up elsewhere. A daemon that restarts observes the disks once, and then takes up resumed_actions()
// of the state that it finds itself in.
//
// Four rules shape the table.
//
// - Disks beat memory. What labels and reservations say is an event like any other, and leads out
//   of any state that was remembered wrongly.
// - One disk decides between a node that rebooted quickly after a panic and its partner that is
//   still at the takeover. Where the partner has one disk of it at least, the partner goes on, and
//   the rebooted node gives up what it has begun to take, and waits. Where the partner has none,
//   the partner ends its takeover. Neither needs a mailbox disk for that: each sees the disk
//   itself.
// - A takeover on silence is announced from the state in which the node is, if that state has
//   something of its own to go back to (standing-by, giving-back, waiting, receiving, resuming);
//   only a NORMAL node without such a state announces as `arbitrating`.
// - Every way from REBOOTING into NORMAL begins in `unseen`. A message that was heard in this boot
//   pairs at once.
//
// Origin of the four modes: the persistent status of two file servers, WO 00/11553, figure 2. The
// phases within them are this project's.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>

#include "agent/protocol/node_phase.h"

namespace lastword {

// A set of enumerators with values below 64.
template <class Enum>
class EnumSet {
 public:
  constexpr EnumSet(std::initializer_list<Enum> members) {
    for (const Enum member : members) bits_ |= bit(member);
  }
  [[nodiscard]] constexpr bool has(Enum member) const { return (bits_ & bit(member)) != 0; }
  [[nodiscard]] constexpr EnumSet operator|(EnumSet other) const {
    other.bits_ |= bits_;
    return other;
  }

 private:
  static constexpr std::uint64_t bit(Enum member) {
    return std::uint64_t{1} << static_cast<unsigned>(member);
  }
  std::uint64_t bits_ = 0;
};

class ActionList {
 public:
  static constexpr std::size_t kMost = 5;
  constexpr ActionList() = default;
  // Too many do not compile.
  constexpr ActionList(std::initializer_list<NodeAction> actions) {
    for (const NodeAction action : actions) actions_[size_++] = action;
  }
  // As long as the list lives.
  [[nodiscard]] constexpr std::span<const NodeAction> get() const& {
    return {actions_.data(), size_};
  }
  void get() const&& = delete;

 private:
  std::array<NodeAction, kMost> actions_{};
  std::size_t size_ = 0;
};

enum class RowOutcome : std::uint8_t {
  kMoves,       // to another state, with actions
  kStays,       // with actions
  kIgnored,     // nothing is to be done, for the reason given
  kImpossible,  // cannot happen, for the reason given; nothing is done, and the driver reports it
};

struct NodeRow {
  EnumSet<Phase> from;
  EnumSet<NodeEvent> events;
  RowOutcome outcome = RowOutcome::kIgnored;
  Phase to = Phase::kLooking;  // kMoves
  ActionList actions = {};
  std::string_view why;  // one sentence, for people
};

[[nodiscard]] std::span<const NodeRow> node_rows();
// The one row of this pair; every pair has one.
[[nodiscard]] const NodeRow& node_row(Phase phase, NodeEvent event);

// Is an action that was begun still wanted in this state? Those that only write or tell always are.
[[nodiscard]] bool goes_on(NodeAction action, Phase phase);
// What a daemon that restarts in this state takes up again. Disks and records tell each action how
// far it has come.
[[nodiscard]] ActionList resumed_actions(Phase phase);

}  // namespace lastword
