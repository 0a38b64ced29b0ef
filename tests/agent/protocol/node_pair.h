// Two node machines on a shelf reduced to labels, holders and mailbox slots. One seed draws what
// happens to them; then the faults stop, and both must come to rest. It is about the table alone:
// what commands and records really do is tests/sim/.
//
// Faults: panic, power loss, reboot of the other kind, restart of the daemon, silence of a node
// that lives, actions that end at any step, orders of operators at any time. With or without a
// mailbox disk. Left out: lost reservations, disks that one node cannot see, clocks.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "agent/protocol/node_plan.h"

namespace lastword::test {

class NodePair {
 public:
  explicit NodePair(std::uint64_t seed);

  // A history of faults, then the peace after it. Empty: both are at rest as they should be.
  [[nodiscard]] std::string run();
  [[nodiscard]] const std::vector<std::string>& trace() const { return trace_; }

 private:
  struct Disk {
    unsigned home = 0;
    int owner = -1;  // by its label; -1: nobody
    int holder = -1;
    std::uint32_t holder_life = 0;
    std::uint32_t home_life = 0;    // that last had it
    std::uint32_t promised_to = 0;  // life of the home node
  };
  struct Node {
    bool alive = false;
    std::uint32_t life = 0;
    NodePlan plan;
    std::deque<std::pair<NodeAction, NodeEvent>> todo;  // the rest of the actions, and why
    // Durable.
    std::optional<pb::TakeoverIntent> intent;
    bool ordered = false;
    bool giveback = false;
    std::uint32_t registered = 0;  // life whose key is on the mailbox disk; 0: none
    std::uint32_t joined = 0;      // life that has registered there
    std::uint32_t panicked = 0;    // life that its dump tells of
    // What the other one has heard of it last.
    PeerWord said;
    // Of this life.
    bool seen = false;
    Silence silence = Silence::kNone;
    std::uint32_t asks = 0;  // the life that is asked to leave
    std::vector<NodeEvent> timers;
  };

  [[nodiscard]] static unsigned other(unsigned self);
  [[nodiscard]] static bool open(const std::optional<pb::TakeoverIntent>& intent);
  [[nodiscard]] unsigned draw(unsigned below);
  void tell(const std::string& line);
  void boot(unsigned self);
  void speak(unsigned self);
  void listen(unsigned self, bool heard);
  [[nodiscard]] NodeFacts facts(unsigned self) const;
  void observe(unsigned self);
  void restart(unsigned self);
  void happen(unsigned self, NodeEvent event);
  void take(unsigned self, const NodePlan::Step& step);
  // One command of the first action left; true: something was done.
  bool work(unsigned self);
  // True: the action is over.
  bool perform(unsigned self, NodeAction action, NodeEvent why);
  void reopen_intent(unsigned self);
  bool take_own(unsigned self);
  bool take_peers(unsigned self, bool both);
  bool give_back(unsigned self);
  bool receive(unsigned self);
  void cast_votes(unsigned self);
  void write_intent(unsigned self, IntentPhase phase);
  void chaos();
  [[nodiscard]] std::string judge() const;
  [[nodiscard]] std::string describe_all() const;

  std::mt19937_64 random_;
  bool mailbox_ = true;
  bool chaos_ = true;
  std::array<Disk, 4> disks_;  // two of each
  std::array<Node, 2> nodes_;
  std::vector<std::string> trace_;
};

}  // namespace lastword::test
