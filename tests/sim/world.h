// One history's whole world: clock, chance, shelf, two nodes, what is true of them, and who
// watches.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/checkers/checker.h"
#include "tests/sim/target.h"
#include "tests/sim/truth.h"

namespace lastword::sim {

class SimNode;

// Logical units: alpha's service, service, spare, dump; beta's service, spare; mailbox disks; in
// histories in which one is added, a disk without a label.
inline constexpr unsigned kOwnedLuns = 6;
inline constexpr unsigned kMostMailboxes = 3;

class World {
 public:
  // `tell`: a line of the trace; absent: none is made.
  World(std::uint64_t seed, std::function<void(const std::string&)> tell);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Random random;
  Rates rates;
  ShelfDraw draw;
  Timing timing;
  Scheduler scheduler;
  Target target;
  Truth truth;
  unsigned luns;
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
  [[nodiscard]] std::optional<std::string> unrest() const { return sim::unrest(*watched_); }

 private:
  void on_executed(const Executed& executed);

  std::function<void(const std::string&)> tell_;
  std::uint64_t records_ = 0;
  std::array<std::unique_ptr<SimNode>, 3> nodes_;
  std::optional<Watched> watched_;
  std::vector<std::unique_ptr<Checker>> checkers_;
};

}  // namespace lastword::sim
