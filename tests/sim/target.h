// The shelf behind a network: every command takes time, and may be lost, late, or under way when
// its sender dies (faults.h). What a command does is tests/fake/fake_shelf.h.
#pragma once

#include <array>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "proto/timing.h"
#include "tests/fake/fake_shelf.h"
#include "tests/sim/director.h"
#include "tests/sim/faults.h"
#include "tests/sim/scheduler.h"

namespace lastword::sim {

// A command that the target has executed.
struct Executed {
  const Actor& actor;
  const fake::CommandTrace& about;  // with its outcome
  // Before it, where the command is one of reservations.
  std::vector<fake::Registrant> before;
  std::optional<Reservation> held_before;
  bool late = false;  // its sender waits no more
};

class Target {
 public:
  Target(Scheduler& scheduler, Random& random, const ShelfDraw& draw, unsigned luns,
         const Rates& rates, milliseconds io_timeout);

  [[nodiscard]] fake::FakeShelf& shelf() { return shelf_; }
  // After each command, on no fiber.
  std::function<void(const Executed&)> on_executed;
  // Before a command has gone; not for the service's. And once more where it changes something.
  std::function<void(const Actor&, const fake::CommandTrace&)> on_sent;
  std::function<void(const Actor&)> on_change_sent;
  std::function<void(const std::string&)> note;  // for the trace
  Director* director = nullptr;

  // From a fiber. `execute` runs at the target, if the command gets there; it may outlive the
  // sender. `only_if_awaited`: a read, which nobody misses whose sender has gone. `data`: of a
  // write. `bounded`: times out; else only a fault ends it early.
  struct Order {
    fake::CommandTrace about;
    std::function<Status()> execute;
    std::shared_ptr<std::vector<std::byte>> data;
    bool only_if_awaited = false;
    bool bounded = true;
  };
  [[nodiscard]] Status send(const ActorPtr& actor, Order order);

  void hang(std::uint8_t node, unsigned lun, Time until) { hung_until_.at(node).at(lun) = until; }
  [[nodiscard]] bool hangs(std::uint8_t node, unsigned lun) const {
    return hung_until_.at(node).at(lun) > scheduler_.now();
  }
  [[nodiscard]] Time hung_until(std::uint8_t node, unsigned lun) const {
    return hung_until_.at(node).at(lun);
  }

  // A command that changes something there has been sent, and neither executed nor lost.
  [[nodiscard]] bool may_change(unsigned lun) const;
  // Of the commands that this boot of the node has under way, some never get there.
  void node_died(std::uint8_t node, unsigned boot);
  // A new boot begins by the same nexus, and ends the session of the one before: what had not come
  // to the target comes no more (RFC 7143 6.3.5; the reset of a virtual adapter). What the target
  // has accepted may still be executed.
  void logs_in(const std::string& initiator);
  void lose_power();
  // The kernel's error handling ends the writes that this initiator has under way.
  void abort_writes(const std::string& initiator, unsigned lun);
  // No faults from now on; what is late is executed, and what a path held up comes.
  void calm();
  [[nodiscard]] const Rates& rates() const { return rates_; }

 private:
  struct Flight {
    ActorPtr actor;
    Order order;
    Waiter waiter;
    bool accepted = false;
    bool over = false;
    bool answers = true;
    std::optional<Fate> held_up = {};  // by a path that hangs; it has not come to the target
    std::optional<Status> answer;
    std::list<std::shared_ptr<Flight>>::iterator place;  // in flights_, unless it is over
  };
  using FlightPtr = std::shared_ptr<Flight>;

  void arrive(const FlightPtr& flight, const Fate& fate);
  [[nodiscard]] bool is_held(const FlightPtr& flight, const Fate& fate);
  void execute(const FlightPtr& flight);
  void end(const FlightPtr& flight, const Status& answer);
  void abort(const FlightPtr& flight);
  void abort_after(const Executed& executed);
  [[nodiscard]] std::vector<FlightPtr> flights() const {
    return {flights_.begin(), flights_.end()};
  }
  [[nodiscard]] Error error_of(const Flight& flight, Code code) const;

  Scheduler& scheduler_;
  Random& random_;
  fake::FakeShelf shelf_;
  bool aborts_for_holder_only_;
  Rates rates_;
  milliseconds io_timeout_;
  std::list<FlightPtr> flights_;
  std::array<std::array<Time, 10>, 3> hung_until_{};  // by node and logical unit
};

}  // namespace lastword::sim
