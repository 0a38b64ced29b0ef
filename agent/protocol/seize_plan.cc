#include "agent/protocol/seize_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "proto/unit_attention.h"

namespace lastword {
namespace {

// How often we look at the registrations before we say that they keep changing. Each victim's key
// costs one look.
constexpr unsigned kMaxLooks = 32;

Error conflict(Code code, std::string_view detail) {
  return {.code = code, .operation = "take reservation", .detail = detail};
}

bool is_victim(const SeizeGoal& goal, ReservationKey key) {
  const auto own = parse_key(goal.own);
  const auto parts = parse_key(key);
  if (!own || !parts || parts->cluster != own->cluster) return false;
  if (parts->node == own->node) return parts->boot_generation < own->boot_generation;
  return parts->node == goal.victim_node &&
         (!goal.victim_generation || parts->boot_generation <= *goal.victim_generation);
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
  for (const ReservationKey key : view.keys) {
    const auto parts = parse_key(key);
    if (parts && parts->node == goal.victim_node && !is_victim(goal, key) && key != goal.own) {
      return key;
    }
  }
  return std::nullopt;
}

Seize::Seize(const SeizeGoal& goal, std::optional<SeizeView> seen) : goal_(goal) {
  if (!seen) return;
  view_ = std::move(*seen);
  decide();
  // What was seen may be out of date: it may save a look, but it never ends the seizing.
  if (over() || state_ == State::kWithdrawing) {
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
      return SeizeCommand::kRegister;
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

std::optional<ReservationKey> Seize::next_victim() const {
  if (view_.holder && is_victim(goal_, view_.holder->holder)) return view_.holder->holder;
  const auto found = std::find_if(view_.keys.begin(), view_.keys.end(),
                                  [this](auto key) { return is_victim(goal_, key); });
  if (found == view_.keys.end()) return std::nullopt;
  return *found;
}

bool Seize::registered() const {
  return std::find(view_.keys.begin(), view_.keys.end(), goal_.own) != view_.keys.end();
}

void Seize::end(const Status& result) {
  state_ = result ? State::kDone : State::kFailed;
  result_ = result;
}

std::string Seize::why_no_end() const {
  const auto victim = next_victim();
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

void Seize::look_again() {
  if (++looks_ > kMaxLooks) return end(fail(conflict(Code::kConflict, why_no_end())));
  state_ = State::kReadingKeys;
}

// Keys and holder were just read: what is to be done about them?
void Seize::decide() {
  if (const auto stranger = key_in_the_way(goal_, view_)) {
    result_ = fail(conflict(
        Code::kConflict,
        fmt::format("{} is on it, which is not a key this node may remove; see `lastword inspect`",
                    to_string(*stranger))));
    // A registration of this node, from this run or from one that was interrupted, would let this
    // node write beside the other one: it is withdrawn. Only the registration that holds the
    // reservation stays.
    const bool holds = view_.holder && view_.holder->holder == goal_.own;
    state_ = registered() && !holds ? State::kWithdrawing : State::kFailed;
    return;
  }
  if (!registered() && !sent_register_ && !goal_.was_registered) {
    state_ = State::kRegistering;
    return;
  }
  if (!registered()) {
    return end(fail(conflict(Code::kFenced, "this node's registration was removed by another")));
  }
  if (const auto victim = next_victim()) {
    victim_ = *victim;
    state_ = used_reset_ ? State::kPreempting : State::kAborting;
    return;
  }
  if (needs_reset_) {
    state_ = State::kResetting;
    return;
  }
  if (!view_.holder) {
    state_ = State::kReserving;
    return;
  }
  if (view_.holder->type != kOwnerType) {
    return end(fail(
        conflict(Code::kConflict, fmt::format("{} holds it as {}, not as {}; release it first",
                                              to_string(view_.holder->holder),
                                              name_of(view_.holder->type), name_of(kOwnerType)))));
  }
  end({});
}

void Seize::reply(const SeizeReply& reply) {
  if (over()) return;
  if (!reply.status) {
    const Error& error = reply.status.error();
    if (error.code == Code::kUnitAttention && ++attentions_ <= kMaxUnitAttentions) {
      return;  // not executed: the same command again
    }
    if (state_ == State::kWithdrawing) {
      state_ = State::kFailed;  // the conflict is what counts
      return;
    }
    if (error.code == Code::kUnsupported && state_ == State::kAborting) {
      used_reset_ = true;
      state_ = State::kPreempting;
      return;
    }
    // The victim, or our own registration, went away since we looked (SPC-4 5.13.11.2.6): look.
    if (error.code == Code::kConflict && state_ != State::kReadying) return look_again();
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
      return decide();
    case State::kRegistering:
      // From here on our registration must be there: if it is not, somebody removed it.
      sent_register_ = true;
      view_.keys.push_back(goal_.own);
      return decide();
    case State::kPreempting:
      preempted_ = needs_reset_ = true;
      return look_again();
    case State::kResetting:
      needs_reset_ = false;
      return look_again();
    case State::kAborting:
      preempted_ = true;
      return look_again();
    case State::kReserving:
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
