#include "agent/protocol/takeover_plan.h"

#include <algorithm>
#include <utility>

#include "proto/coredump.h"

namespace lastword {
namespace {

using Kind = TakeoverAction::Kind;

// In I/O time-outs: error recovery of the kernel gets this much before others stop waiting.
constexpr int kHungAfter = 3;

// qemu/scenarios/pair.py tells by the first four that the dump on the disk was not cut short.
constexpr std::string_view kDumpEnded = "the dump on it has ended";
constexpr std::string_view kStalled = "no progress for the stall time";
constexpr std::string_view kDeadline = "the deadline has passed";
constexpr std::string_view kHeldAlready = "held already";
constexpr std::string_view kNoDump = "no dump of this crash is on it or on its way";
constexpr std::string_view kNotArmedNow = "it is not armed any more";
constexpr std::string_view kDumpEndedElsewhere = "the dump has ended on another disk";
constexpr std::string_view kNoWriter = "no dump has shown for as long as one may take";

}  // namespace

TakeoverPlan::TakeoverPlan(const Timing& timing, std::uint8_t partner,
                           std::vector<TakeoverDisk> disks)
    : timing_(timing), partner_(partner) {
  for (TakeoverDisk& disk : disks) disks_.push_back(Disk{.seen = std::move(disk)});
}

// A header of an earlier boot's plan or dump says nothing about this crash.
bool TakeoverPlan::is_armed(const Disk& disk) const {
  const auto& header = disk.seen.header;
  return header.attribute() == pb::ARMED && is_of(header, {partner_, disk.seen.generation});
}

bool TakeoverPlan::is_dumping(const Disk& disk) const {
  const auto& header = disk.seen.header;
  return header.attribute() == pb::IN_PROGRESS && is_of(header, {partner_, disk.seen.generation});
}

bool TakeoverPlan::is_of_later_life(const Disk& disk) const {
  const auto& header = disk.seen.header;
  return disk.seen.later_life || (may_hold_dump(disk.seen.role) && header.node() == partner_ &&
                                  header.boot_generation() > disk.seen.generation);
}

bool TakeoverPlan::any(State state) const {
  return std::any_of(disks_.begin(), disks_.end(),
                     [state](const Disk& disk) { return disk.state == state; });
}

void TakeoverPlan::start_watching(Disk& disk, Instant now) {
  disk.state = State::kDumping;
  disk.last_progress = disk.last_read = now;
  // The header says how long ago the panic was; nobody's wall clock is needed.
  const auto longest = static_cast<std::uint64_t>(timing_.deadline().count());
  const milliseconds elapsed{
      static_cast<std::int64_t>(std::min(disk.seen.header.elapsed_ms(), longest))};
  disk.deadline = now + std::max(timing_.stall(), timing_.deadline() - elapsed);
  last_sign_of_life_ = now;
}

bool TakeoverPlan::ended_for_good(const Disk& disk) const {
  return is_final_end(disk.seen.header) &&
         is_of(disk.seen.header, {partner_, disk.seen.generation});
}

// A disk that failed only at the end of a dump gets a few tries all the same.
Instant TakeoverPlan::give_up_at(const Disk& disk) const {
  const Instant deadline = begun_ + timing_.deadline();
  return disk.first_failure ? std::max(deadline, *disk.first_failure + timing_.stall()) : deadline;
}

void TakeoverPlan::take(std::size_t index, pb::Reason reason, std::string_view why, Instant now,
                        Actions& actions) {
  disks_[index].state = State::kTaking;
  disks_[index].taking_since = now;
  disks_[index].abort_reason = reason;
  disks_[index].why = why;
  actions.push_back({.kind = Kind::kTake, .disk = index, .abort_reason = reason, .why = why});
}

void TakeoverPlan::leave(std::size_t index, Actions& actions) {
  disks_[index].state = State::kGivenUp;
  disks_[index].waited_for = false;
  actions.push_back({.kind = Kind::kLeftToLaterLife, .disk = index});
}

void TakeoverPlan::take_rest_of_armed(Instant now, Actions& actions) {
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    if (disks_[i].state != State::kArmed) continue;
    take(i, pb::REASON_NONE, kDumpEndedElsewhere, now, actions);
  }
}

// Once every disk of the service is held, failed once or hangs, with those that are held. What
// comes later is announced as it comes. A service without a disk is never announced.
void TakeoverPlan::announce_service(Actions& actions) {
  TakeoverAction action{.kind = Kind::kServiceTaken};
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    const Disk& disk = disks_[i];
    if (disk.seen.role != pb::SERVICE) continue;
    if (disk.waited_for) return;
    if (disk.held && !disk.announced) action.service.push_back(i);
  }
  if (action.service.empty()) return;
  for (const std::size_t index : action.service) disks_[index].announced = true;
  actions.push_back(std::move(action));
}

TakeoverPlan::Actions TakeoverPlan::begin(Instant now) {
  begun_ = last_sign_of_life_ = now;
  Actions actions;
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    Disk& disk = disks_[i];
    const bool place_of_dump = may_hold_dump(disk.seen.role);
    if (disk.seen.mine_already) {
      // Taken by the run before this one; what it left undone is found by its header.
      take(i, pb::STALLED, kHeldAlready, now, actions);
    } else if (is_of_later_life(disk)) {
      leave(i, actions);
    } else if (place_of_dump && is_dumping(disk)) {
      start_watching(disk, now);
    } else if (place_of_dump && !disk.seen.header_readable) {
      // It may be the very disk that the dump goes to: treat it as one until the deadline.
      disk.state = State::kArmed;
    } else if (place_of_dump && is_armed(disk)) {
      disk.state = State::kArmed;
    } else {
      // An IN_PROGRESS of an earlier boot has nobody behind it any more.
      const auto why = holds_unsaved_dump(disk.seen.header) ? kDumpEnded : kNoDump;
      if (place_of_dump && !ended_for_good(disk)) {
        doubt(disk);
        disk.abort_reason = pb::STALLED;
        disk.why = why;
      } else {
        take(i, pb::STALLED, why, now, actions);
      }
    }
  }
  return actions;
}

TakeoverPlan::Actions TakeoverPlan::header_seen(std::size_t index, const pb::CoredumpHeader& header,
                                                std::uint64_t sequence, Instant now,
                                                std::optional<Instant> asked) {
  Actions actions;
  Disk& disk = disks_[index];
  if (disk.state != State::kArmed && disk.state != State::kDumping) return actions;
  disk.last_read = std::max(disk.last_read, asked.value_or(now));
  // A record never goes back: the newer slot was not read whole this time. What it said still
  // counts. Of a disk that could not be read at first, "never written" is not believed either.
  const std::uint64_t known = disk.seen.header_sequence;
  if (sequence < (disk.seen.header_readable ? known : std::max<std::uint64_t>(known, 1))) {
    return actions;
  }
  const bool changed = sequence != disk.seen.header_sequence || !disk.seen.header_readable;
  disk.seen.header = header;
  disk.seen.header_sequence = sequence;
  disk.seen.header_readable = true;
  const bool doubted = std::exchange(disk.doubted, false);
  if (!changed && doubted) take(index, disk.abort_reason, disk.why, now, actions);
  if (!changed) return actions;
  if (is_dumping(disk)) {
    if (disk.state == State::kArmed) {
      start_watching(disk, now);
    } else {
      disk.last_progress = last_sign_of_life_ = now;
    }
    return actions;
  }
  if (is_of_later_life(disk)) {
    leave(index, actions);
    return actions;
  }
  if (is_armed(disk) && disk.state == State::kArmed) return actions;
  last_sign_of_life_ = now;
  dump_over_ = dump_over_ || ended_for_good(disk);
  take(index, pb::REASON_NONE, holds_unsaved_dump(header) ? kDumpEnded : kNotArmedNow, now,
       actions);
  if (dump_over_) take_rest_of_armed(now, actions);
  return actions;
}

TakeoverPlan::Actions TakeoverPlan::disk_held(std::size_t index) {
  Actions actions;
  disks_[index].held = true;
  disks_[index].waited_for = false;
  announce_service(actions);
  return actions;
}

TakeoverPlan::Actions TakeoverPlan::disk_not_now(std::size_t index) {
  Actions actions;
  disks_[index].waited_for = false;
  announce_service(actions);
  return actions;
}

TakeoverPlan::Actions TakeoverPlan::disk_taken(std::size_t index, const Status& status,
                                               const pb::CoredumpHeader& header, Instant now) {
  Actions actions;
  Disk& disk = disks_[index];
  // One that was given up because its command hung is taken all the same when the command ends
  // well.
  const bool late = disk.state == State::kGivenUp && status.has_value();
  if (disk.state != State::kTaking && !late) return actions;
  disk.waited_for = false;
  if (!status) {
    const bool lost = is_another_nodes(status.error().code);
    if (lost) disk.held = false;
    disk.state = lost ? State::kGivenUp : State::kSick;
    if (!disk.first_failure) disk.first_failure = now;
    disk.retry_at = now + timing_.settings.io_timeout;
    announce_service(actions);
    return actions;
  }
  disk.held = true;
  disk.seen.header = header;
  disk.state = State::kTaken;
  dump_over_ = dump_over_ || ended_for_good(disk);
  if (holds_unsaved_dump(header)) {
    disk.state = State::kRecovering;
    disk.last_progress = now;
    actions.push_back({.kind = Kind::kRecover, .disk = index});
  }
  announce_service(actions);
  if (dump_over_) take_rest_of_armed(now, actions);
  return actions;
}

void TakeoverPlan::recovery_progress(std::size_t index, Instant now) {
  Disk& disk = disks_[index];
  if (disk.state == State::kRecovering) disk.last_progress = now;
}

TakeoverPlan::Actions TakeoverPlan::disk_recovered(std::size_t index, bool saved, Instant) {
  disks_[index].state = saved ? State::kSaved : State::kUnsaved;
  return {};
}

// A command that hangs in the kernel reports nothing: the service goes on without that disk, and in
// the end so does the takeover.
void TakeoverPlan::watch_taking(Disk& disk, Instant now, Actions& actions) {
  if (disk.waited_for && now - disk.taking_since >= kHungAfter * timing_.settings.io_timeout) {
    disk.waited_for = false;
    announce_service(actions);
  }
  if (now >= disk.taking_since + timing_.deadline()) disk.state = State::kGivenUp;
}

bool TakeoverPlan::waits_for_dump(const Disk& disk) const {
  if (!may_hold_dump(disk.seen.role) || disk.held || disk.seen.mine_already) return false;
  return is_dumping(disk) || (is_armed(disk) && !dump_over_);
}

void TakeoverPlan::doubt(Disk& disk) const {
  disk.doubted = !is_armed(disk);
  disk.state = State::kArmed;
  disk.last_read = Instant::min() / 2;
}

// A dump may have begun on the disk, or gone on, since the taking that failed was decided. On one
// that was free too: the partner may have lived, armed it and panicked.
bool TakeoverPlan::look_again(Disk& disk) const {
  if (!may_hold_dump(disk.seen.role) || disk.held || disk.seen.mine_already) return false;
  if (is_dumping(disk)) {
    disk.state = State::kDumping;
    disk.last_read = disk.last_progress;
    return true;
  }
  if (dump_over_) return false;
  doubt(disk);
  return true;
}

// A candidate that was not read since may have the dump by now, and the others are its fallback:
// they all wait for it, until the deadline.
bool TakeoverPlan::is_silent() const {
  if (any(State::kDumping)) return false;
  const auto armed = static_cast<std::size_t>(std::ranges::count_if(
      disks_, [](const Disk& disk) { return disk.state == State::kArmed && !disk.doubted; }));
  return std::ranges::all_of(disks_, [&](const Disk& disk) {
    if (disk.state == State::kSick) return !waits_for_dump(disk);
    if (disk.state != State::kArmed || disk.doubted) return true;
    return disk.seen.header_readable &&
           disk.last_read - last_sign_of_life_ >= timing_.silence(armed);
  });
}

TakeoverPlan::Actions TakeoverPlan::tick(Instant now) {
  Actions actions;
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    Disk& disk = disks_[i];
    if (disk.state == State::kSick && now >= disk.retry_at) {
      if (now >= give_up_at(disk)) {
        disk.state = State::kGivenUp;
      } else if (!look_again(disk)) {
        take(i, disk.abort_reason, disk.why, now, actions);
      }
    }
    if (disk.state == State::kTaking) watch_taking(disk, now, actions);
    if (disk.state == State::kRecovering && now - disk.last_progress >= timing_.recovery_stall()) {
      disk.state = State::kUnsaved;
      actions.push_back({.kind = Kind::kRecoveryHangs, .disk = i});
    }
    if (disk.state != State::kDumping) continue;
    if (now >= disk.deadline) {
      take(i, pb::DEADLINE, kDeadline, now, actions);
    } else if (disk.last_read - disk.last_progress >= timing_.stall()) {
      // Read, and found unchanged, for so long. A disk that cannot be read proves nothing. By now
      // the writer has left the disk, if it lives.
      last_sign_of_life_ = std::max(last_sign_of_life_, disk.last_progress + timing_.stall());
      take(i, pb::STALLED, kStalled, now, actions);
    }
  }
  // No writer at work, and none has shown itself for so long: it never started, or it died between
  // two candidates.
  const bool silent = is_silent();
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    Disk& disk = disks_[i];
    if (disk.state != State::kArmed) continue;
    if ((silent && !disk.doubted) || now >= begun_ + timing_.deadline()) {
      take(i, pb::STALLED, silent ? kNoWriter : kDeadline, now, actions);
    }
  }
  return actions;
}

std::vector<std::size_t> TakeoverPlan::watched() const {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    if (disks_[i].state == State::kArmed || disks_[i].state == State::kDumping) {
      indices.push_back(i);
    }
  }
  return indices;
}

bool TakeoverPlan::over() const {
  return std::all_of(disks_.begin(), disks_.end(), [](const Disk& disk) {
    return disk.state == State::kTaken || disk.state == State::kSaved ||
           disk.state == State::kUnsaved || disk.state == State::kGivenUp;
  });
}

std::vector<std::size_t> TakeoverPlan::given_up() const {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    if (disks_[i].state == State::kGivenUp) indices.push_back(i);
  }
  return indices;
}

std::vector<std::size_t> TakeoverPlan::unsaved() const {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    if (disks_[i].state == State::kUnsaved) indices.push_back(i);
  }
  return indices;
}

}  // namespace lastword
