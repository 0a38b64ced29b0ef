#include "agent/protocol/seize_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "proto/unit_attention.h"

namespace lastword {
namespace {

constexpr unsigned kMaxResets = 3;  // that fail

// How often we look at the registrations before we say that they keep changing. Each victim's key
// costs one look.
constexpr unsigned kMaxLooks = 32;

// SAM-5 5.3.1, status TASK ABORTED: another node's command ended this one. Unlike a unit attention
// it may come after the command was carried out.
bool task_aborted(const Error& error) {
  constexpr std::uint8_t kTaskAborted = 0x40;
  return error.sense.status == kTaskAborted;
}

Error conflict(Code code, std::string_view detail) {
  return {.code = code, .operation = "take reservation", .detail = detail};
}

enum class Whose {
  kOwn,
  kVictims,
  kRespected,  // of a later life, of either node
  kStray,
  kForeign,  // another node's of the cluster, or no key of the cluster
};

Whose whose(const SeizeGoal& goal, ReservationKey key) {
  if (key == goal.own) return Whose::kOwn;
  if (std::ranges::find(goal.strays, key) != goal.strays.end()) return Whose::kStray;
  const auto own = parse_key(goal.own);
  const auto parts = parse_key(key);
  if (!own || !parts || parts->cluster != own->cluster) return Whose::kForeign;
  if (parts->node == own->node) {
    return parts->boot_generation < own->boot_generation ? Whose::kVictims : Whose::kRespected;
  }
  if (parts->node != goal.victim_node) return Whose::kForeign;
  const bool failed = !goal.victim_generation || parts->boot_generation <= *goal.victim_generation;
  return failed ? Whose::kVictims : Whose::kRespected;
}

bool is_victim(const SeizeGoal& goal, ReservationKey key) {
  return whose(goal, key) == Whose::kVictims;
}

}  // namespace

std::optional<ReservationKey> key_in_the_way(const SeizeGoal& goal, const SeizeView& view) {
  const auto of_cluster = [own = parse_key(goal.own)](ReservationKey key) {
    const auto parts = parse_key(key);
    return own && parts && parts->cluster == own->cluster;
  };
  if (view.holder && view.holder->holder != goal.own && !is_victim(goal, view.holder->holder) &&
      !(goal.shared && of_cluster(view.holder->holder))) {
    return view.holder->holder;
  }
  if (goal.shared) return std::nullopt;
  const auto in_the_way = std::ranges::find_if(view.keys, [&](ReservationKey key) {
    const Whose owner = whose(goal, key);
    return owner == Whose::kRespected ||
           (owner == Whose::kForeign && goal.foreign == ForeignRegistrants::kRefuse);
  });
  return in_the_way == view.keys.end() ? std::nullopt : std::optional(*in_the_way);
}

bool refuses_aptpl(const Error& error) {
  constexpr std::uint8_t kNotReady = 0x2;
  constexpr std::uint8_t kCommunicationFailure = 0x08;  // SPC-4 annex D.2
  return error.code == Code::kUnsupported ||
         (error.sense.key == kNotReady && error.sense.asc == kCommunicationFailure);
}

Seize::Seize(const SeizeGoal& goal, std::optional<SeizeView> seen) : goal_(goal) {
  if (!seen) return;
  view_ = std::move(*seen);
  saw_hold_ = own_node_holds_it();
  decide();
  // What was seen may be out of date: it may save a look, but it never ends the seizing.
  if (over() || giving_up()) {
    giving_up_ = false;
    state_ = State::kReadying;
    result_ = {};
  }
}

std::optional<SeizeCommand> Seize::next() const {
  switch (state_) {
    case State::kReadying:
      return SeizeCommand::kTestUnitReady;
    case State::kReadingKeys:
      return SeizeCommand::kReadKeys;
    case State::kReadingHolder:
      return SeizeCommand::kReadReservation;
    case State::kRegistering:
      return aptpl_refused_ ? SeizeCommand::kRegisterVolatile : SeizeCommand::kRegister;
    case State::kAborting:
      return SeizeCommand::kPreemptAndAbort;
    case State::kPreempting:
      return SeizeCommand::kPreempt;
    case State::kResetting:
      return SeizeCommand::kLogicalUnitReset;
    case State::kReserving:
      return SeizeCommand::kReserve;
    case State::kWithdrawing:
      return SeizeCommand::kUnregister;
    case State::kDone:
    case State::kFailed:
      return std::nullopt;
  }
  return std::nullopt;
}

// A stray key and a foreign registrant go only from a disk that this node holds.
std::optional<ReservationKey> Seize::next_victim() const {
  if (view_.holder && is_victim(goal_, view_.holder->holder)) return view_.holder->holder;
  const auto first = [this](Whose owner) -> std::optional<ReservationKey> {
    const auto found = std::ranges::find_if(
        view_.keys, [&](ReservationKey key) { return whose(goal_, key) == owner; });
    return found == view_.keys.end() ? std::nullopt : std::optional(*found);
  };
  if (const auto victim = first(Whose::kVictims)) return victim;
  if (!holds()) return std::nullopt;
  if (const auto stray = first(Whose::kStray)) return stray;
  return goal_.foreign == ForeignRegistrants::kRemove ? first(Whose::kForeign) : std::nullopt;
}

bool Seize::holds() const {
  return view_.holder && view_.holder->holder == goal_.own;
}

void Seize::note_removed() {
  const bool held = view_.holder && view_.holder->holder == victim_;
  if (held && goal_.labelled && parse_key(victim_) != goal_.labelled && !goal_.shared) {
    needs_reset_ = true;
  }
  preempt_unjudged_ = true;
  held_before_preempt_ = holds();
  if (whose(goal_, victim_) != Whose::kVictims) {
    foreign_removed_.push_back(victim_);
  } else if (parse_key(victim_)->node == goal_.victim_node) {
    preempted_ = true;
  }
}

// The target executes what it has accepted, from whomever, while nobody held the disk.
void Seize::note_reserved() {
  sent_reserve_ = true;
  if (!goal_.shared) needs_reset_ = true;
}

// The holder was just read. LIO aborts nothing where the victim does not hold the reservation
// (storage/block/disk_turn.h says why). Who preempts the holder becomes the
// holder (SPC-4 5.13.11.2.6); what was seen before may be out of date.
void Seize::judge_abort() {
  const bool gone = std::ranges::find(view_.keys, victim_) == view_.keys.end();
  if (std::exchange(abort_in_doubt_, false) && gone) {
    note_removed();
    if (!goal_.shared) needs_reset_ = true;
  }
  if (!std::exchange(preempt_unjudged_, false) || goal_.shared) return;
  if (held_before_preempt_ || !holds()) needs_reset_ = true;
}

bool Seize::registered() const {
  return std::find(view_.keys.begin(), view_.keys.end(), goal_.own) != view_.keys.end();
}

void Seize::end(const Status& result) {
  state_ = result ? State::kDone : State::kFailed;
  result_ = result;
  if (result || result.error().code == Code::kFenced) return;
  // On a mailbox disk a registration of this life is a vote, and stays.
  giving_up_ = sent_register_ || (registered() && !goal_.shared);
  if (giving_up_) state_ = State::kReadingKeys;
}

// Keys and holder were just read, of a disk that is not to be had.
void Seize::withdraw() {
  const bool stays = holds() && !(sent_reserve_ && needs_reset_);
  state_ = registered() && !stays ? State::kWithdrawing : State::kFailed;
}

std::string Seize::why_no_end() const {
  const auto victim = next_victim();
  if (victim && whose(goal_, *victim) == Whose::kStray) {
    return fmt::format("{} cannot be removed or comes back", to_string(*victim));
  }
  if (victim && whose(goal_, *victim) == Whose::kForeign) {
    return fmt::format(
        "{}, a key of neither node, cannot be removed or comes back; find out whose it is",
        to_string(*victim));
  }
  if (!victim || parse_key(*victim)->node != parse_key(goal_.own)->node) {
    return "its registrations keep changing; another node is taking it at the same time";
  }
  // LIO does so to a new session of the holder's initiator name (isid_mismatch in
  // drivers/target/target_core_pr.c): such a session counts as not registered.
  return fmt::format(
      "the target does not let this node remove its own key of an earlier boot, {}. LIO does that "
      "when an iSCSI initiator keeps its name but not its session id (ISID): make that stable, or "
      "let the partner take the disk",
      to_string(*victim));
}

bool Seize::own_node_holds_it() const {
  const auto own = parse_key(goal_.own);
  const auto parts = view_.holder ? parse_key(view_.holder->holder) : std::nullopt;
  return parts && parts->cluster == own->cluster && parts->node == own->node;
}

bool Seize::another_holds_it() const {
  const auto own = parse_key(goal_.own);
  const auto parts = view_.holder ? parse_key(view_.holder->holder) : std::nullopt;
  return parts && parts->cluster == own->cluster && parts->node != own->node;
}

bool Seize::another_is_on_it() const {
  return std::ranges::any_of(view_.keys, [own = parse_key(goal_.own)](ReservationKey key) {
    const auto parts = parse_key(key);
    return !parts || parts->cluster != own->cluster || parts->node != own->node;
  });
}

// Only a node that is registered can remove a registration (SPC-4 5.13.11.2.6).
Error Seize::registration_gone() const {
  if (goal_.was_registered || another_is_on_it()) {
    return conflict(Code::kFenced, "this node's registration was removed by another");
  }
  return conflict(Code::kUnsupported,
                  "this node's registration is gone again, and nobody is registered who could have "
                  "removed it: the target does not keep registrations");
}

void Seize::look_again() {
  if (++looks_ > kMaxLooks) return end(fail(conflict(Code::kConflict, why_no_end())));
  state_ = State::kReadingKeys;
}

// Keys and holder were just read: what is to be done about them?
void Seize::decide() {
  if (goal_.served && !registered() && another_holds_it()) return end(fail(registration_gone()));
  if (saw_hold_ && another_holds_it()) {
    result_ = fail(
        conflict(Code::kFenced, "this node held it a moment ago, and the other node has taken it"));
    return withdraw();
  }
  if (const auto stranger = key_in_the_way(goal_, view_)) {
    const bool refused =
        whose(goal_, *stranger) == Whose::kForeign && goal_.foreign == ForeignRegistrants::kRefuse;
    result_ = fail(conflict(
        Code::kConflict,
        fmt::format(
            "{} is on it, which is not a key this node may remove{}; see `lastword inspect`",
            to_string(*stranger),
            refused ? " ([takeover] foreign_registrants = \"refuse\")" : "")));
    // A registration of ours, of this run or one that was interrupted, would let this node write
    // beside the other one. Unless it is the one that holds the disk.
    return withdraw();
  }
  if (!registered() && !had_registration_ && !goal_.was_registered) {
    state_ = State::kRegistering;
    return;
  }
  if (!registered()) return end(fail(registration_gone()));
  if (const auto victim = next_victim()) {
    victim_ = *victim;
    state_ = used_reset_ ? State::kPreempting : State::kAborting;
    return;
  }
  if (!view_.holder) {
    state_ = State::kReserving;
    return;
  }
  if (needs_reset_) {
    state_ = State::kResetting;
    return;
  }
  if (view_.holder->type != kOwnerType) {
    return end(fail(
        conflict(Code::kConflict, fmt::format("{} holds it as {}, not as {}; release it first",
                                              to_string(view_.holder->holder),
                                              name_of(view_.holder->type), name_of(kOwnerType)))));
  }
  if (unverified_) return look_again();
  end({});
}

void Seize::reply(const SeizeReply& reply) {
  if (over()) return;
  const bool reads = state_ == State::kReadying || state_ == State::kReadingKeys ||
                     state_ == State::kReadingHolder;
  looked_ = looked_ || !reads;
  if (!reply.status) {
    const Error& error = reply.status.error();
    if (error.code == Code::kUnitAttention && ++attentions_ <= kMaxUnitAttentions) {
      // RESERVE and a plain PREEMPT change nothing when they are sent again, and the look that
      // follows tells who has the disk. A registration lets this node's service write: it may be
      // that somebody has taken the disk since the look before it. Whether what the victim had
      // queued is aborted, no look tells.
      if (state_ == State::kAborting && task_aborted(error)) {
        abort_in_doubt_ = true;
        return look_again();
      }
      if (state_ == State::kRegistering) state_ = State::kReadingKeys;
      return;  // not executed: the same command again
    }
    if (giving_up()) {
      state_ = State::kFailed;  // why it gave up is what counts
      return;
    }
    sent_register_ = sent_register_ || state_ == State::kRegistering;
    if (state_ == State::kReserving && error.code != Code::kConflict) note_reserved();
    if (error.code == Code::kUnsupported && state_ == State::kAborting) {
      used_reset_ = true;
      state_ = State::kPreempting;
      return;
    }
    // It may be registered all the same: look.
    if (state_ == State::kRegistering && !aptpl_refused_ && refuses_aptpl(error)) {
      aptpl_refused_ = true;
      return look_again();
    }
    // The victim, or our own registration, went away since we looked (SPC-4 5.13.11.2.6): look. So
    // do some disks answer TEST UNIT READY of a node that is not registered.
    if (error.code == Code::kConflict) return look_again();
    // What the target has queued for whoever was removed is aborted by nothing else.
    if (state_ == State::kResetting && ++failed_resets_ < kMaxResets) return look_again();
    return end(fail(error));
  }
  switch (state_) {
    case State::kReadying:
      return look_again();
    case State::kReadingKeys:
      view_.keys = reply.registrations.keys;
      state_ = State::kReadingHolder;
      return;
    case State::kReadingHolder:
      view_.holder = reply.reservation;
      unverified_ = false;
      if (!std::exchange(looked_, true)) found_held_ = holds();
      judge_abort();
      if (giving_up_) return withdraw();
      had_registration_ = had_registration_ || registered();
      return decide();
    case State::kRegistering:
      had_registration_ = unverified_ = sent_register_ = true;
      view_.keys.push_back(goal_.own);
      return decide();
    case State::kPreempting:
      needs_reset_ = true;
      note_removed();
      return look_again();
    case State::kResetting:
      needs_reset_ = false;
      was_reset_ = true;
      return look_again();
    case State::kAborting:
      note_removed();
      return look_again();
    case State::kReserving:
      note_reserved();
      return look_again();
    case State::kWithdrawing:
      state_ = State::kFailed;
      return;
    case State::kDone:
    case State::kFailed:
      return;
  }
}

}  // namespace lastword
