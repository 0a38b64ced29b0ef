// One history's whole world: clock, chance, shelf, two nodes, what is true of them, and who
// watches.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/checkers/checker.h"
#include "tests/sim/network.h"
#include "tests/sim/target.h"
#include "tests/sim/truth.h"

namespace lastword::sim {

class SimNode;

struct OwnedDisk {
  pb::Role role;
  std::uint8_t home;
};

// What a world is made of. Logical units: the nodes' disks, then mailbox disks; in histories in
// which a mailbox disk is added, then a disk without a label.
struct WorldDraw {
  Random random;
  Rates rates;
  ShelfDraw shelf;
  std::vector<OwnedDisk> disks;
  std::optional<std::uint64_t> links = {};  // seed of the links between the nodes; absent: none
};
// Of a history: everything that may go wrong, as often as the seed says.
[[nodiscard]] WorldDraw draw_world(std::uint64_t seed);

class World {
 public:
  // `tell`: a line of the trace; absent: none is made.
  World(const WorldDraw& drawn, std::function<void(const std::string&)> tell);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Random random;
  Rates rates;
  ShelfDraw draw;
  Timing timing;
  std::vector<OwnedDisk> disks;  // no mailbox disks: the first logical units
  unsigned owned;                // how many those are
  unsigned luns;
  Scheduler scheduler;
  Network network;
  Target target;
  Truth truth;
  bool calm = false;                  // faults have stopped
  std::optional<std::string> broken;  // the first invariant that was
  std::optional<std::string> left;    // what only hands can bring to rest (history.cc)

  [[nodiscard]] SimNode& node(std::uint8_t id) { return *nodes_.at(id); }
  [[nodiscard]] bool tracing() const { return tell_ != nullptr; }
  void say(const std::string& line) const;

  void told(const Actor& actor, unsigned lun);
  void flushed(const Actor& actor, unsigned lun, const ServiceRecords& records);
  // Of a record of the service: later ones have greater numbers.
  [[nodiscard]] std::uint64_t next_record() { return ++records_; }
  void event(const Actor& actor, const Event& event, unsigned lun);
  void lose_power();
  void stop_faults();
  // The disk that is kept for that becomes one more mailbox disk.
  void label_mailbox();
  // A spare disk that nobody holds, if there is one, gets the other node as its home.
  void relabel_spare();
  [[nodiscard]] std::optional<std::string> unrest() const { return sim::unrest(*watched_); }

 private:
  void on_executed(const Executed& executed);
  void note_header(const Executed& executed);
  void note_lost_header(unsigned lun);

  std::function<void(const std::string&)> tell_;
  std::uint64_t records_ = 0;
  std::array<std::unique_ptr<SimNode>, 3> nodes_;
  std::optional<Watched> watched_;
  std::vector<std::unique_ptr<Checker>> checkers_;
};

}  // namespace lastword::sim
