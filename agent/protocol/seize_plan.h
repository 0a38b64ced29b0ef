// Getting hold of one disk's reservation, step by step: a pure state machine that says which SCSI
// command comes next and is fed the replies; the driver is agent/disks/seize_run.h. It serves both
// `start` (a node's own disks, where a power cycle may have left its older key) and takeover (the
// partner's disks).
//
//   TEST UNIT READY until ready -> READ KEYS, READ RESERVATION (unless just seen)
//   -> REGISTER AND IGNORE EXISTING KEY, unless this boot's key is registered already; once more
//      without APTPL where the target cannot keep what it offers to keep
//   -> PREEMPT AND ABORT of each victim, the holder first -> RESERVE if nobody holds it
//   -> PREEMPT AND ABORT of each stray key, and of each foreign registrant if that is wanted
//   -> READ KEYS, READ RESERVATION: this node holds it, and nobody is registered beside it
//
// A LOGICAL UNIT RESET follows each preempt by which this node did not get the reservation: some
// targets, LIO among them, abort the commands of its holder only. One follows RESERVE, since the
// target took writes from everybody while nobody held the disk. It comes after RESERVE, so that
// none is queued anew, and before the end, so that none lands on a disk that counts as held. On a
// mailbox disk there is no reset: what is queued there is a node's own record.
//
// A seizure that fails looks once more and withdraws its registration, since type 5 lets every
// registrant write; unless the disk is this node's all the same, by a command whose answer was
// lost. A disk that was reserved and not reset is withdrawn from too: nobody holds it again, and
// who comes next reserves it and resets it.
//
// Where PREEMPT AND ABORT is not to be had: PREEMPT, then LOGICAL UNIT RESET, since after a plain
// PREEMPT a command that the target accepted from the victim could still be executed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/protocol/config.h"
#include "proto/keys.h"
#include "proto/reservation.h"

namespace lastword {

// Who may be thrown off the disk. Everybody else's reservation is respected.
struct SeizeGoal {
  ReservationKey own;                       // names cluster, node and boot generation
  std::optional<std::uint8_t> victim_node;  // this node's keys, besides older own ones
  // A mailbox disk, where both nodes are registered: whichever of the cluster's nodes holds the
  // reservation is as good as this one, since type 5 lets every registrant write.
  bool shared = false;
  // The life of the victim that failed: a key of a later boot means that it is back, and is
  // respected.
  std::optional<std::uint32_t> victim_generation = {};
  // This boot's key was registered a moment ago. If it is gone now, another node removed it: it is
  // not registered again (kFenced).
  bool was_registered = false;
  // This life took the disk before, and its service was told of it. If the key is gone and the
  // other node holds the disk, that node has taken it: it is not registered again (kFenced).
  bool served = false;
  // What to do about keys of neither this node nor the victim; absent: leave them.
  std::optional<ForeignRegistrants> foreign = {};
  // The target keeps registrations over a power loss, or may (REPORT CAPABILITIES); absent: ask it.
  std::optional<bool> aptpl = {};
  // Keys of any node that are removed once this node holds the disk, and never before: where one of
  // them holds it, it is respected.
  std::vector<ReservationKey> strays = {};
  // The life that the label gives the disk to. A holder of another life was interrupted between
  // RESERVE and LOGICAL UNIT RESET, and what the target had queued then is queued yet, of whom
  // nobody can tell. Absent: it is not known.
  std::optional<KeyParts> labelled = {};
};

// How a target answers REGISTER that offers to keep registrations over a power loss (APTPL) and
// cannot: LIO without its directory /var/target/pr by NOT READY, 08/00, after it has registered
// (core_scsi3_update_and_write_aptpl in drivers/target/target_core_pr.c); others refuse the bit.
[[nodiscard]] bool refuses_aptpl(const Error& error);

// What somebody saw of the disk a moment ago: saves the first look. It may be out of date; what
// changed since shows in the replies, and in the look at the end. A disk that this node was seen to
// hold, in whatever life, and that another node of the cluster holds by now, was taken from it: it
// is not fought for (kFenced).
struct SeizeView {
  std::vector<ReservationKey> keys;
  std::optional<Reservation> holder;
};

// Whose key keeps this node off the disk: a holder that is not to be thrown off, or a registrant
// that is not: with type 5 every registrant writes, so it must not stay beside this node. That is a
// later boot of either node, or a foreign key where these are not to be removed. Empty: the disk
// may be taken.
[[nodiscard]] std::optional<ReservationKey> key_in_the_way(const SeizeGoal& goal,
                                                           const SeizeView& view);

enum class SeizeCommand : std::uint8_t {
  kTestUnitReady,
  kReadKeys,
  kReadReservation,
  kRegister,          // with APTPL where that is offered, or may be
  kRegisterVolatile,  // without
  kPreemptAndAbort,
  kPreempt,
  kLogicalUnitReset,
  kReserve,
  kUnregister,
};

struct SeizeReply {
  Status status;
  Registrations registrations;             // after kReadKeys
  std::optional<Reservation> reservation;  // after kReadReservation
};

class Seize {
 public:
  explicit Seize(const SeizeGoal& goal, std::optional<SeizeView> seen = {});

  // The command to send now; empty when over(). kPreempt* are for victim().
  [[nodiscard]] std::optional<SeizeCommand> next() const;
  [[nodiscard]] ReservationKey victim() const { return victim_; }
  // The reply to next(). A reply after over() is ignored.
  void reply(const SeizeReply& reply);

  // It has failed; what is left is to withdraw the registration.
  [[nodiscard]] bool giving_up() const { return giving_up_ || state_ == State::kWithdrawing; }
  [[nodiscard]] bool over() const { return state_ == State::kDone || state_ == State::kFailed; }
  // Valid when over(). An error leaves the disk with whoever holds it: kConflict (somebody else's
  // key holds it, or it kept changing hands), kFenced (this node's registration was removed while
  // it was at work), kUnsupported (the target forgets it), or what the disk answered.
  [[nodiscard]] const Status& result() const { return result_; }
  // PREEMPT AND ABORT was not supported; a reset stood in for the abort.
  [[nodiscard]] bool used_reset() const { return used_reset_; }
  // The target offers to keep registrations over a power loss and cannot: it would forget this one.
  [[nodiscard]] bool aptpl_refused() const { return aptpl_refused_; }
  // Keys of neither node, and stray ones, that were removed, in that order.
  [[nodiscard]] const std::vector<ReservationKey>& foreign_removed() const {
    return foreign_removed_;
  }
  // Some registration of the victim node was removed, and its commands with it.
  [[nodiscard]] bool preempted() const { return preempted_; }
  // This node held the disk by this key before the first command that changes anything: a run
  // before this one was interrupted, perhaps between RESERVE and the reset.
  [[nodiscard]] bool found_held() const { return found_held_; }
  [[nodiscard]] bool was_reset() const { return was_reset_; }

 private:
  enum class State : std::uint8_t {
    kReadying,     // TEST UNIT READY
    kReadingKeys,  // before or after taking: registered_ and taken_ tell
    kReadingHolder,
    kRegistering,
    kAborting,    // PREEMPT AND ABORT
    kPreempting,  // PREEMPT, for targets without the former
    kResetting,
    kReserving,
    kWithdrawing,  // unregistering, since the disk turned out to be somebody else's
    kDone,
    kFailed,
  };

  [[nodiscard]] std::optional<ReservationKey> next_victim() const;
  [[nodiscard]] bool registered() const;
  [[nodiscard]] bool holds() const;
  [[nodiscard]] bool own_node_holds_it() const;
  void note_removed();
  void note_reserved();
  void judge_abort();
  [[nodiscard]] std::string why_no_end() const;
  [[nodiscard]] bool another_holds_it() const;
  [[nodiscard]] bool another_is_on_it() const;
  [[nodiscard]] Error registration_gone() const;
  void look_again();
  void decide();
  void withdraw();
  void end(const Status& result);

  SeizeGoal goal_;
  State state_ = State::kReadying;
  ReservationKey victim_;
  SeizeView view_;
  bool had_registration_ = false;  // in this run: it must not be made again
  bool unverified_ = false;        // it was made since the last look
  bool sent_register_ = false;     // in this run, whatever came of it
  bool sent_reserve_ = false;      // likewise, unless it conflicted
  bool looked_ = false;            // at the holder; or it is too late for that
  bool saw_hold_ = false;          // of this node, before the first look
  bool found_held_ = false;
  bool was_reset_ = false;
  bool giving_up_ = false;  // result_ is why; registered or not is to be seen
  bool aptpl_refused_ = false;
  bool needs_reset_ = false;
  unsigned failed_resets_ = 0;
  bool abort_in_doubt_ = false;    // PREEMPT AND ABORT of victim_ was aborted itself
  bool preempt_unjudged_ = false;  // since the last look
  bool held_before_preempt_ = false;
  bool used_reset_ = false;
  bool preempted_ = false;
  std::vector<ReservationKey> foreign_removed_;
  unsigned attentions_ = 0;
  unsigned looks_ = 0;
  Status result_;
};

}  // namespace lastword
