// What to do when about the partner's disks: the takeover as a pure state machine. It is told what
// the disks say and how earlier actions ended, with the time of each, and answers with the next
// actions; it does no I/O and has no clock. The driver is agent/takeover/takeover_wave.h.
//
// Each of the partner's disks is in one state:
//
//   kTaking ----> kTaken ----> kRecovering ----> kSaved       a dump that is over
//     ^  \___> kSick (again after the retry time)              header says so after the taking
//     |                             \____> kUnsaved           it failed, or shows no progress
//   kArmed ----> kDumping                                      armed spare; the dump disk
//     (silence,   (COMPLETED, ABORTED, stall, deadline:
//      dump over)  back to kTaking)
//
// A disk that was free when it was surveyed is kArmed first, too, until it has been read once more:
// the partner may have lived since, armed it and panicked. A disk whose label or header is of a
// life after the one that failed is given up: the partner has come back, and the target may have
// lost the registrations that would say so.
//
// A taking that failed is tried again. A disk that a dump may have begun on meanwhile, or gone on,
// is kArmed or kDumping again first: what its header says now decides.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/disk.pb.h"
#include "proto/error.h"
#include "proto/timing.h"

namespace lastword {

// What the disk said when the takeover began.
struct TakeoverDisk {
  pb::Role role = pb::SERVICE;
  bool mine_already = false;  // this node holds it: a takeover was interrupted
  bool header_readable = true;
  pb::CoredumpHeader header;          // the last one that was read
  std::uint32_t generation = 0;       // the partner's boot that failed
  std::uint64_t header_sequence = 0;  // of the valid slot; changes with every progress record
  bool later_life = false;            // the label gives it to a life after the one that failed
};

struct TakeoverAction {
  enum class Kind : std::uint8_t {
    kTake,             // take the reservation and write the label; answer with disk_taken()
    kRecover,          // save the dump to a file system; answer with disk_recovered()
    kServiceTaken,     // tell hooks and operator of `service`; no answer
    kRecoveryHangs,    // tell the operator: it is waited for no longer; no answer
    kLeftToLaterLife,  // tell the operator: the partner has come back and has it; no answer
  };
  Kind kind = Kind::kTake;
  std::size_t disk = 0;
  // kTake: what an IN_PROGRESS header becomes once the disk is held (STALLED, DEADLINE). An ARMED
  // one becomes INACTIVE.
  pb::Reason abort_reason = pb::REASON_NONE;
  std::string_view why = {};  // kTake: in words, a literal; of another try, that of the first
  // kServiceTaken: the disks of the service that came into this node's hands since the one before.
  std::vector<std::size_t> service = {};
};

// The answer to kTake was that another node has the disk by now.
[[nodiscard]] constexpr bool is_another_nodes(Code code) {
  return code == Code::kFenced || code == Code::kConflict;
}

class TakeoverPlan {
 public:
  TakeoverPlan(const Timing& timing, std::uint8_t partner, std::vector<TakeoverDisk> disks);

  // Events. Each returns what is to be done now, in order.
  using Actions = std::vector<TakeoverAction>;
  [[nodiscard]] Actions begin(Instant now);
  // `asked`: when the read was sent, if that was before `now`. What it found may be as old as that:
  // a look may last for an I/O time-out, while a dump begins.
  [[nodiscard]] Actions header_seen(std::size_t disk, const pb::CoredumpHeader& header,
                                    std::uint64_t sequence, Instant now,
                                    std::optional<Instant> asked = {});
  // The disk's reservation is this node's; its records are still to be written.
  [[nodiscard]] Actions disk_held(std::size_t disk);
  // The taking is about to end with an error.
  [[nodiscard]] Actions disk_not_now(std::size_t disk);
  // `header`: as it reads after the taking (the writer may have finished just before). A disk that
  // is_another_nodes() is given up, not fought for.
  [[nodiscard]] Actions disk_taken(std::size_t disk, const Status& status,
                                   const pb::CoredumpHeader& header, Instant now);
  // The recovery goes on: it may take as long as it likes while it says so.
  void recovery_progress(std::size_t disk, Instant now);
  // Also of a recovery that is waited for no longer: a dump that is saved late is saved.
  [[nodiscard]] Actions disk_recovered(std::size_t disk, bool saved, Instant now);
  [[nodiscard]] Actions tick(Instant now);

  // Disks whose header the driver should keep reading (armed, dumping).
  [[nodiscard]] std::vector<std::size_t> watched() const;
  // Nothing more will happen: every disk is taken, saved, or given up.
  [[nodiscard]] bool over() const;
  // Disks that were never taken, and dumps that could not be saved.
  [[nodiscard]] std::vector<std::size_t> given_up() const;
  [[nodiscard]] std::vector<std::size_t> unsaved() const;

 private:
  enum class State : std::uint8_t {
    kArmed,
    kDumping,
    kTaking,
    kSick,
    kTaken,
    kRecovering,
    kSaved,
    kUnsaved,
    kGivenUp
  };
  struct Disk {
    TakeoverDisk seen;
    State state = State::kTaking;
    Instant last_progress{};  // of the dump, then of its recovery
    Instant last_read{};      // of its header
    Instant taking_since{};
    std::optional<Instant> first_failure;
    Instant deadline{};
    Instant retry_at{};
    pb::Reason abort_reason = pb::REASON_NONE;
    std::string_view why;
    bool waited_for = true;  // by the first announcement of the service
    bool doubted = false;    // kArmed: it was free, and is taken if it still is
    bool held = false;
    bool announced = false;
  };

  [[nodiscard]] bool is_armed(const Disk& disk) const;
  [[nodiscard]] bool is_dumping(const Disk& disk) const;
  [[nodiscard]] bool is_of_later_life(const Disk& disk) const;
  [[nodiscard]] bool any(State state) const;
  void start_watching(Disk& disk, Instant now);
  void leave(std::size_t index, Actions& actions);
  [[nodiscard]] bool ended_for_good(const Disk& disk) const;
  [[nodiscard]] Instant give_up_at(const Disk& disk) const;
  void take(std::size_t index, pb::Reason reason, std::string_view why, Instant now,
            Actions& actions);
  void take_rest_of_armed(Instant now, Actions& actions);
  [[nodiscard]] bool waits_for_dump(const Disk& disk) const;
  void doubt(Disk& disk) const;
  [[nodiscard]] bool look_again(Disk& disk) const;
  [[nodiscard]] bool is_silent() const;
  void watch_taking(Disk& disk, Instant now, Actions& actions);
  void announce_service(Actions& actions);

  Timing timing_;
  std::uint8_t partner_;
  std::vector<Disk> disks_;
  Instant begun_{};
  // Of the partner's capture kernel: a header that changed, or the end of a stall.
  Instant last_sign_of_life_{};
  bool dump_over_ = false;  // a writer came to its own end: it needs no fallback any more
};

}  // namespace lastword
