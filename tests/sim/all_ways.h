// The director of the exhaustive search: at each command it asks Choices what may happen now.
//
// What may be chosen, while the window is open:
//   overtaken  a command that arrives waits until the other node's next command that interferes
//              with it has been executed, or for most of an I/O time-out, over several of them
//   lost       a command never arrives, or its answer never does; or it is late: its sender times
//              out, and it is executed right after the other node's next command that interferes,
//              or, of a write of the service, long after it: when another one may serve
//   crash      a node loses power before or after one of its commands that change something. It
//              boots at once, or when faults have stopped
//
// What is left out, and why nothing is missed by that:
//   - Two commands of both nodes interfere only on one disk, and only if one of them changes what
//     the other sees or may do (interferes()). All others may change places without any effect on
//     either node, so only the order of those that interfere is tried both ways: a command that
//     waits in vain ends its run, which differs from the undisturbed one in nothing but times.
//   - A poll or a heartbeat repeats what the last one of its kind did, where nothing has happened
//   since
//     (news.h): it is lost, overtaken or the place of a crash once only, the first time after each
//     news. That what happens later to one of the others does the same, but for the times.
//   - A crash between two commands that change nothing leaves what a crash before them leaves.
//   - What a program does follows from what it has read; so two states are the same if the shelf
//     and the files are, and each node has learnt the same in the same order since it booted, and
//     the clock is within the same kTick.
// What is left out and could matter: README.md.
#pragma once

#include <array>
#include <list>
#include <map>
#include <utility>

#include "tests/sim/choices.h"
#include "tests/sim/director.h"
#include "tests/sim/news.h"
#include "tests/sim/world.h"

namespace lastword::sim {

// Neither changes what the other sees or may do: false.
[[nodiscard]] bool interferes(const fake::CommandTrace& one, const fake::CommandTrace& other);

class AllWays final : public Director {
 public:
  // Both outlive this.
  AllWays(World& world, Choices& choices);
  ~AllWays() override;

  void open_window();
  void close_window() { open_ = false; }
  // Of the shelf, the files, and what each node knows.
  [[nodiscard]] std::uint64_t state() const;

  Fate fate_of(const Actor& actor, const fake::CommandTrace& about) override;
  bool holds(const Actor& actor, const fake::CommandTrace& about, bool accepted,
             std::function<void()> go_on) override;
  void executed(const Actor& actor, const fake::CommandTrace& about) override;
  void learnt(const Actor& actor, std::uint64_t digest) override;
  bool loses_commands_of(std::uint8_t node) override;

 private:
  // A command that waits at the target.
  struct Held {
    std::uint8_t node = 0;
    fake::CommandTrace about;
    std::function<void()> go_on;
    std::uint64_t number = 0;
    unsigned overtaken = 0;  // by commands that interfere
    bool for_long = false;   // does not go on after the first one
    bool late = false;
    bool service = false;
  };
  // `what`: one of the choices that a command has.
  enum class Way { kAfterNext, kWaitsOn, kLost, kAnswerLost, kLate, kCrash, kCrashForGood };

  [[nodiscard]] std::optional<Way> choose(const Actor& actor, const fake::CommandTrace& about,
                                          const std::vector<Way>& ways, std::uint64_t kind);
  void hold(const Actor& actor, const fake::CommandTrace& about, std::function<void()> go_on,
            bool late);
  [[nodiscard]] bool goes_on_after(const Actor& actor, const fake::CommandTrace& about, Held& held);
  void time_is_over(std::uint64_t number);
  void crash(std::uint8_t node, bool for_good);
  void note_write(const Actor& actor, const fake::CommandTrace& about);

  World& world_;
  Choices& choices_;
  News news_;
  bool open_ = false;
  bool loses_ = false;  // commands of the node that crashes now
  Time opened_{0};
  std::list<Held> held_;
  std::uint64_t numbers_ = 0;
  std::array<std::uint64_t, 3> learnt_{};                               // by node, in this boot
  std::map<std::pair<unsigned, std::uint64_t>, std::uint64_t> blocks_;  // by disk and offset
};

}  // namespace lastword::sim
