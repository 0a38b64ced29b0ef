// Decides what becomes of each command, in the place of chance: the exhaustive search
// (exhaustive.h). A world without one draws everything.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/fake/fake_shelf.h"
#include "tests/sim/faults.h"

namespace lastword::sim {

// Who sends commands: a process, in one boot of a node.
struct Actor {
  std::uint8_t node = 0;
  unsigned boot = 0;  // counted by the simulation, from 1
  std::string initiator;
  std::string process;
  bool capture = false;  // the capture kernel
  bool service = false;  // the program that serves data
};
using ActorPtr = std::shared_ptr<const Actor>;

class Director {
 public:
  Director() = default;
  virtual ~Director() = default;
  Director(const Director&) = delete;
  Director& operator=(const Director&) = delete;

  // When it is sent.
  virtual Fate fate_of(const Actor& actor, const fake::CommandTrace& about) = 0;
  // At its arrival. True: it waits until the director calls `go_on`, on no fiber. `accepted`: its
  // sender has been told that it timed out.
  virtual bool holds(const Actor& actor, const fake::CommandTrace& about, bool accepted,
                     std::function<void()> go_on) = 0;
  // It was executed; its sender does not know it yet.
  virtual void executed(const Actor& actor, const fake::CommandTrace& about) = 0;
  // What a process has learnt from a command: all that it does later follows from that.
  virtual void learnt(const Actor& actor, std::uint64_t digest) = 0;
  // Of a node that dies now: those that have not arrived never do.
  virtual bool loses_commands_of(std::uint8_t node) = 0;
};

}  // namespace lastword::sim
