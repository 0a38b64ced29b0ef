// A checker watches one invariant of docs/protocol.md in a history, and says when it is broken.
// Each is a file of its own; make_checkers() lists them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/node/event.h"
#include "agent/protocol/config.h"
#include "tests/sim/service_records.h"
#include "tests/sim/target.h"
#include "tests/sim/truth.h"

namespace lastword::sim {

// What checkers may look at.
struct Watched {
  const Scheduler& scheduler;
  fake::FakeShelf& shelf;
  const Truth& truth;
  std::array<const Config*, 3> configs;  // by node id, from 1
  std::vector<pb::Role> roles;           // by logical unit
  std::vector<std::uint8_t> homes;       // likewise; 0: a mailbox disk's
  const Rates& rates;
  const ShelfDraw& draw;
  // The node sees the disk, and since then it has not hung.
  std::function<bool(std::uint8_t node, unsigned lun, Time since)> readable_since;
  std::function<void(const std::string&)> broken;
};

class Checker {
 public:
  explicit Checker(const Watched& watched) : watched_(watched) {}
  virtual ~Checker() = default;
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  // A command that is not the service's leaves its sender; it may never get there.
  virtual void on_sent(const Actor&, const fake::CommandTrace&) {}
  virtual void on_executed(const Executed&) {}
  // `lun`: of the event's disk, or kMaxLuns.
  virtual void on_event(const Actor&, const Event&, unsigned lun) { static_cast<void>(lun); }
  // The service of this node was told that the disk is its own.
  virtual void on_told(const Actor&, unsigned lun) { static_cast<void>(lun); }
  // The disk has flushed what this node's service had written to it, these records and earlier
  // ones.
  virtual void on_flushed(const Actor&, unsigned lun, const ServiceRecords&) {
    static_cast<void>(lun);
  }
  // The shelf is about to lose power, and has it again.
  virtual void before_power_loss() {}
  virtual void after_power_loss() {}

 protected:
  [[nodiscard]] Time now() const { return watched_.scheduler.now(); }
  [[nodiscard]] bool is_service(unsigned lun) const { return watched_.roles[lun] == pb::SERVICE; }
  [[nodiscard]] bool is_mailbox(unsigned lun) const { return watched_.roles[lun] == pb::MAILBOX; }
  // Does the target let the present boot of this node write?
  [[nodiscard]] bool admitted(std::uint8_t node, unsigned lun) const {
    return watched_.shelf.allows_write(watched_.truth.of(node).initiator, lun);
  }
  // 0: nobody holds it.
  [[nodiscard]] std::uint8_t holder(unsigned lun) const {
    const auto reservation = watched_.shelf.reservation(lun);
    const auto parts = reservation ? parse_key(reservation->holder) : std::nullopt;
    return parts ? parts->node : std::uint8_t{0};
  }
  // Keys that were registered before this command and are not any more.
  [[nodiscard]] std::vector<KeyParts> removed_by(const Executed& executed) const;

  // `start` may take the partner's key away from a disk that its label gives to this life: there
  // the key of a seizure that failed was left (docs/protocol.md).
  [[nodiscard]] bool takes_stray_away(const Executed& executed) const;
  // The giver's key goes from a disk whose label promises it to the life that preempts, or that an
  // earlier life of that node had got.
  [[nodiscard]] bool takes_promised(const Executed& executed) const;

  // What this node's slot on a mailbox disk says.
  [[nodiscard]] pb::TakeoverIntent intent_on(std::uint8_t node, unsigned lun) const;

  const Watched& watched_;
};

// I1 one_writer.cc, I2 live_keys.cc, I3 intent_first.cc, I4 one_takeover.cc, I5 dump_not_early.cc,
// I6 nothing_lost.cc, I8 (with rest.cc) seizures.cc; countdown_kept.cc, kept_over_power.cc,
// switches_hold.cc, not_again_and_again.cc, table.cc.
[[nodiscard]] std::unique_ptr<Checker> check_one_writer(const Watched& watched);
[[nodiscard]] std::unique_ptr<Checker> check_live_keys(const Watched& watched);
[[nodiscard]] std::unique_ptr<Checker> check_intent_first(const Watched& watched);
[[nodiscard]] std::unique_ptr<Checker> check_dump_not_early(const Watched& watched);
[[nodiscard]] std::unique_ptr<Checker> check_kept_over_power(const Watched& watched);
[[nodiscard]] std::unique_ptr<Checker> check_one_takeover(const Watched& watched);
[[nodiscard]] std::unique_ptr<Checker> check_nothing_lost(const Watched& watched);
[[nodiscard]] std::unique_ptr<Checker> check_countdown_kept(const Watched& watched);
[[nodiscard]] std::unique_ptr<Checker> check_seizures(const Watched& watched);
[[nodiscard]] std::unique_ptr<Checker> check_switches_hold(const Watched& watched);
[[nodiscard]] std::unique_ptr<Checker> check_not_again_and_again(const Watched& watched);
[[nodiscard]] std::unique_ptr<Checker> check_table(const Watched& watched);
[[nodiscard]] std::vector<std::unique_ptr<Checker>> make_checkers(const Watched& watched);

// I7, I8, I9: what keeps the pair from being at rest, when faults have stopped, both nodes are up
// and their operators have nothing left to do (rest.cc). Absent: nothing.
[[nodiscard]] std::optional<std::string> unrest(const Watched& watched);

}  // namespace lastword::sim
