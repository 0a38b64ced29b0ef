// Inside of the fake shelf: what all nexuses share, and how one command goes through the target.
// Included by fake_shelf.cc and fake_lun.cc only.
#pragma once

#include <condition_variable>
#include <list>
#include <mutex>
#include <set>

#include "tests/fake/fake_shelf.h"

namespace lastword::fake {

struct QueuedWrite {
  NexusId nexus = 0;
  std::uint64_t offset = 0;
  std::vector<std::byte> data;
  bool aborted = false;
  bool done = false;
};

struct ArmedFault {
  Fault fault;
  unsigned seen = 0;
};

struct LunState {
  std::string name;
  FakeMedium medium;
  PersistentReservations reservations;
  std::map<NexusId, std::vector<Attention>> attentions;  // oldest first
  std::list<std::shared_ptr<QueuedWrite>> queue;
  std::vector<ArmedFault> faults;
  unsigned hung = 0;          // callers that wait
  std::uint64_t release = 0;  // grows with every release_hung
};

// A command under way.
struct Request {
  NexusId nexus = 0;
  std::string initiator;
  unsigned lun = 0;
  Command command = Command::kTestUnitReady;
  ReservationKey own = {};
  ReservationKey victim = {};
  std::uint64_t offset = 0;
  std::span<const std::byte> to_write = {};
  std::size_t length = 0;
};

class ShelfState {
 public:
  explicit ShelfState(const ShelfOptions& options);

  // Takes a command through hook, faults, unit attentions and reservation conflicts; then
  // `execute` runs under the lock. Records the trace.
  using Execute = std::function<Status(LunState&)>;
  [[nodiscard]] Status run(const Request& request, const Execute& execute);

  // The write is checked and queued, not executed.
  [[nodiscard]] Status accept_write(const Request& request);
  // Turns what reservations did into answers, unit attentions and aborts.
  [[nodiscard]] Status apply(LunState& lun, const Request& request,
                             const PersistentReservations::Effect& effect);
  void reset(LunState& lun);
  void add_attention(LunState& lun, NexusId nexus, Attention attention);
  unsigned execute_queued(LunState& lun);

  ShelfOptions options;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::vector<LunState> luns;
  std::vector<std::string> initiators;  // the nexus is the index
  std::function<void(const CommandTrace&)> hook;
  std::vector<CommandTrace> trace;
  bool closed = false;

 private:
  [[nodiscard]] Status run_locked(const Request& request, const Execute& execute,
                                  std::unique_lock<std::mutex>& lock);
  [[nodiscard]] Status admit(LunState& lun, const Request& request);
  [[nodiscard]] Status strike(LunState& lun, const Request& request, const Fault& fault);
  [[nodiscard]] Status hang(LunState& lun, const Request& request, const Execute& execute,
                            std::unique_lock<std::mutex>& lock);
  [[nodiscard]] std::optional<Fault> next_fault(LunState& lun, const Request& request);
  void abort_commands(LunState& lun, NexusId nexus);
};

// Errors as the drivers of storage/ make them of a target's answers.
[[nodiscard]] Error request_error(const LunState& lun, const Request& request, Code code);

}  // namespace lastword::fake
