// A shelf of disks in memory that two or more nodes share: blocks with a volatile cache, persistent
// reservations per I_T nexus, unit attentions, commands that the target has accepted and not yet
// executed, and faults on demand. All members may be called from any thread.
//
//   FakeShelf shelf({.luns = 3});
//   Nexus alpha = shelf.connect("alpha");
//   auto device = alpha.device(0);  // BlockDevice
//   auto lun = alpha.lun(0);        // ScsiLun
//
// A unit attention goes before a reservation conflict, as in LIO (SAM-5 5.3.3 has it the other way
// round). Block I/O never sees one: the kernel's disk driver repeats the command.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/block/block_device.h"
#include "storage/reserve/scsi_lun.h"
#include "tests/fake/fake_medium.h"
#include "tests/fake/reservations.h"

namespace lastword::fake {

enum class Command {
  kTestUnitReady,
  kReadKeys,
  kReadReservation,
  kReportCapabilities,
  kRegister,
  kReserve,
  kRelease,
  kPreempt,
  kPreemptAndAbort,
  kReset,
  kRead,
  kWrite,
  kFlush,
};
[[nodiscard]] std::string_view name_of(Command command);

struct CommandTrace {
  std::string initiator;
  unsigned lun = 0;
  Command command = Command::kTestUnitReady;
  ReservationKey own;        // of PR OUT commands
  ReservationKey victim;     // of preempts
  std::uint64_t offset = 0;  // of reads and writes
  std::size_t length = 0;
  std::optional<Status> outcome;  // not there yet when the hook sees it
};

enum class FaultKind {
  kIoError,      // EIO; nothing is done
  kMediumError,  // ENODATA, the kernel's MEDIUM ERROR; nothing is done
  kShortWrite,   // the first `argument` blocks are written, then kIo
  kTornBlock,    // of the last block written only the first `argument` sectors are new; then kIo
  kConflict,     // RESERVATION CONFLICT, whatever the reservation is
  kAttention,    // CHECK CONDITION, unit attention 29/00
  kUnsupported,  // ILLEGAL REQUEST, invalid command operation code
  kGone,         // the logical unit is not there any more
  // The initiator's I/O time-out: kTimeout at once. A write stays queued at the target, and lands
  // when execute_queued is called; anything else is not executed.
  kTimeout,
  // The caller blocks until release_hung. A write is queued at the target meanwhile, and fails with
  // kIo if it was aborted there; anything else is executed after the release.
  kHang,
};

struct Fault {
  FaultKind kind = FaultKind::kIoError;
  std::optional<Command> only = {};  // absent: every command
  std::string initiator = {};        // empty: every nexus
  unsigned skip = 0;                 // that many matching commands pass first
  unsigned times = std::numeric_limits<unsigned>::max();
  unsigned argument = 0;
};

struct ShelfOptions {
  unsigned luns = 1;
  std::uint64_t lun_bytes = 64 << 20;
  bool aptpl_capable = false;
  // LIO without its directory /var/target/pr: REGISTER with APTPL is executed as without it, and
  // answered by NOT READY, 08/00.
  bool aptpl_store_missing = false;
  bool forgets_registrations = false;  // REGISTER is answered well and registers nobody
  bool power_on_attention = true;      // a new nexus finds 29/00
  // LIO: PREEMPT AND ABORT aborts nothing when the victim does not hold the reservation.
  bool aborts_for_holder_only = false;
  bool keeps_trace = true;  // see trace()
};

struct Registrant {
  std::string initiator;
  ReservationKey key;
  bool operator==(const Registrant&) const = default;
};

class ShelfState;

// One initiator's view of all logical units. Devices and LUNs may outlive it and the shelf: they
// then answer kGone.
class Nexus {
 public:
  [[nodiscard]] const std::string& initiator() const { return initiator_; }
  [[nodiscard]] std::unique_ptr<BlockDevice> device(unsigned lun) const;
  [[nodiscard]] std::unique_ptr<ScsiLun> lun(unsigned lun) const;

 private:
  friend class FakeShelf;
  Nexus(std::shared_ptr<ShelfState> state, NexusId id, std::string initiator)
      : state_(std::move(state)), id_(id), initiator_(std::move(initiator)) {}

  std::shared_ptr<ShelfState> state_;
  NexusId id_;
  std::string initiator_;
};

class FakeShelf {
 public:
  explicit FakeShelf(const ShelfOptions& options = {});
  ~FakeShelf();  // every caller that hangs gets kGone
  FakeShelf(const FakeShelf&) = delete;
  FakeShelf& operator=(const FakeShelf&) = delete;

  // The same name is the same nexus, as for a guest that was reset. A new one finds unit attentions
  // and no registration, as after a power cycle that draws a new ISID.
  [[nodiscard]] Nexus connect(const std::string& initiator);

  // Faults are tried in the order in which they were injected; the first that matches strikes.
  void inject(unsigned lun, const Fault& fault);
  void heal(unsigned lun);  // removes all faults of a logical unit; what hangs goes on
  void release_hung(unsigned lun);
  // Waits until that many callers hang on this logical unit.
  void wait_for_hung(unsigned lun, unsigned count);

  // A write that the target accepts now, after the usual checks, and executes later.
  [[nodiscard]] Status queue_write(const Nexus& nexus, unsigned lun, std::uint64_t offset,
                                   std::span<const std::byte> buffer);
  // Executes what is queued; returns how many writes that were.
  unsigned execute_queued(unsigned lun);
  [[nodiscard]] std::size_t queued(unsigned lun) const;

  // The shelf loses power: unsynced writes as `survival` says, queued ones for good, registrations
  // unless APTPL was on. Every nexus finds 29/00.
  void lose_power(const Survival& survival = lose_all);
  // CLEAR, as from somebody else's tool on that registered nexus.
  [[nodiscard]] Status clear(const Nexus& nexus, unsigned lun, ReservationKey own);

  // Called before every command, on the caller's thread and without locks: may send commands
  // itself, block, or throw to end the caller at this point.
  void set_hook(std::function<void(const CommandTrace&)> hook);
  [[nodiscard]] std::vector<CommandTrace> trace() const;
  void clear_trace();

  // The medium as a reader with every right would see it, faults aside. Whole blocks.
  void peek(unsigned lun, std::uint64_t offset, std::span<std::byte> buffer) const;
  void poke(unsigned lun, std::uint64_t offset, std::span<const std::byte> buffer);  // durable
  // What a power loss would leave that keeps nothing but what was flushed.
  void peek_durable(unsigned lun, std::uint64_t offset, std::span<std::byte> buffer) const;
  // A write that the target had accepted is executed: into the volatile cache, without a check.
  void land(unsigned lun, std::uint64_t offset, std::span<const std::byte> buffer);
  [[nodiscard]] Registrations registrations(unsigned lun) const;
  [[nodiscard]] std::vector<Registrant> registrants(unsigned lun) const;
  // How many unit attentions wait there, by nexus, in the order in which they connected.
  [[nodiscard]] std::vector<unsigned> pending_attentions(unsigned lun) const;
  // Whether the reservation lets this initiator write; one that never connected may not.
  [[nodiscard]] bool allows_write(const std::string& initiator, unsigned lun) const;
  [[nodiscard]] std::optional<Reservation> reservation(unsigned lun) const;

 private:
  std::shared_ptr<ShelfState> state_;
};

}  // namespace lastword::fake
