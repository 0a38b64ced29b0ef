// What really is the case, as no node can know it. Checkers compare with this; nothing that is
// tested sees it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "proto/disk.pb.h"
#include "proto/keys.h"
#include "tests/sim/random.h"
#include "tests/sim/sim_shelf.h"

namespace lastword::sim {

using Generation = std::uint32_t;

struct NodeTruth {
  bool powered = false;
  bool panicked = false;  // since then its memory is a dump's
  // Its capture kernel runs, or will, and has not said how the dump ended.
  bool dump_to_come = false;
  Time panicked_at{0};
  unsigned boot = 0;
  std::string initiator;
  Generation generation = 0;             // the last that it used in this boot; 0: none
  std::map<Generation, unsigned> boots;  // in which boot it used each
  std::set<Generation> stopped;          // `lastword stop` has begun to end these
  std::set<Generation> left;             // said so by `handover`, and then lost /run
  std::set<Generation> panics;           // lives that have panicked
  std::set<Generation> declared_failed;  // an operator of the partner said so
  unsigned agents_killed = 0;            // in this boot
  bool run_lost = false;                 // in this boot: what is locked there keeps nobody out
  unsigned reinstalled_after = 0;        // it lost its /var after this boot, last
  Time disabled_since{-1};               // its own switch, for good; before 0: it is not
  std::array<bool, kMaxLuns> serves{};   // its service writes to this disk
  std::array<Time, kMaxLuns> beats{};    // its agent's last write to this mailbox disk, in time
};

// A disk's coredump header as it last changed.
struct HeaderTruth {
  pb::Attribute attribute = pb::INACTIVE;
  std::uint32_t node = 0;
  Generation generation = 0;
  std::uint64_t elapsed = 0;  // of the dump, as it says: each progress record has more
  bool final_end = false;
  Time changed{0};
  Time dumping{0};  // IN_PROGRESS since then
  // Of the dump writer, if it has shown on this disk: its last change. Where the taker ended its
  // dump, the stall time after that: by then the writer has left the disk.
  Time sign{-1};
};

struct Truth {
  std::array<NodeTruth, 3> nodes;  // by id, from 1
  std::array<HeaderTruth, kMaxLuns> headers;
  Time power_lost{-1};  // registrations with it, last; before 0: never
  unsigned power_losses = 0;

  [[nodiscard]] NodeTruth& of(std::uint8_t node) { return nodes.at(node); }
  [[nodiscard]] const NodeTruth& of(std::uint8_t node) const { return nodes.at(node); }
  // The node lives, and under this generation.
  [[nodiscard]] bool lives(std::uint8_t node, Generation generation) const {
    const NodeTruth& truth = of(node);
    return truth.powered && !truth.panicked && truth.generation == generation &&
           !truth.stopped.contains(generation);
  }
};

inline constexpr std::array<std::uint8_t, 2> kNodes{1, 2};
[[nodiscard]] constexpr std::uint8_t partner_of(std::uint8_t node) {
  return static_cast<std::uint8_t>(3 - node);
}
[[nodiscard]] inline const char* node_name(std::uint8_t node) {
  return node == 1 ? "alpha" : "beta";
}

}  // namespace lastword::sim
