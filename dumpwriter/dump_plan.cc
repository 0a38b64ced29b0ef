#include "dumpwriter/dump_plan.h"

#include <cassert>

namespace lastword {
namespace {

using Action = DumpAction;
using Phase = DumpState::Phase;

void add(DumpStep& step, Action action) {
  action.candidate = step.state.candidate;
  step.actions.add(action);
}

DumpStep finish(DumpStep step, bool reboot_now) {
  step.state.phase = Phase::kFinished;
  add(step, {.kind = Action::Kind::kFinish, .reboot_now = reboot_now});
  return step;
}

DumpStep check(DumpStep step, std::size_t candidate) {
  step.state.phase = Phase::kChecking;
  step.state.candidate = candidate;
  add(step, {.kind = Action::Kind::kCheck});
  return step;
}

DumpStep announce(DumpStep step, Action::News news, Outcome outcome) {
  add(step, {.kind = Action::Kind::kAnnounce, .news = news, .outcome = outcome});
  return step;
}

// A prefix that some disk has is worth more than an empty dump begun after the limit.
DumpStep next_candidate(DumpStep step, bool limit_passed) {
  const std::size_t next = step.state.candidate + 1;
  if (next < step.state.candidate_count && !(limit_passed && step.state.anything_started)) {
    return check(step, next);
  }
  return finish(announce(step, Action::News::kNoneLeft, Outcome::kDone), false);
}

DumpStep close(DumpStep step, Outcome streamed, pb::Reason reason) {
  step.state.phase = Phase::kClosing;
  step.state.streamed = streamed;
  add(step, {.kind = Action::Kind::kClose, .reason = reason});
  return step;
}

// The disk, not the dump, came to an end.
DumpStep leave_disk(DumpStep step, Outcome outcome, bool limit_passed) {
  step = announce(step, Action::News::kAborted, outcome);
  if (outcome == Outcome::kFenced) return finish(step, true);
  return next_candidate(step, limit_passed);
}

DumpStep on_checked(DumpStep step, const DumpEvent& event) {
  if (event.outcome == Outcome::kDone) {
    step.state.phase = Phase::kStarting;
    add(step, {.kind = Action::Kind::kStart});
    return step;
  }
  return next_candidate(announce(step, Action::News::kRejected, event.outcome), event.limit_passed);
}

DumpStep on_started(DumpStep step, const DumpEvent& event) {
  switch (event.outcome) {
    case Outcome::kDone:
      step.state.phase = Phase::kStreaming;
      step.state.anything_started = true;
      step = announce(step, Action::News::kStarted, Outcome::kDone);
      add(step, {.kind = Action::Kind::kStream});
      return step;
    case Outcome::kIoError:
      return close(step, Outcome::kIoError, pb::IO_ERROR);
    default:
      return leave_disk(step, event.outcome, event.limit_passed);
  }
}

DumpStep on_streamed(DumpStep step, const DumpEvent& event) {
  switch (event.outcome) {
    case Outcome::kDone:
      return close(step, Outcome::kDone, pb::REASON_NONE);
    case Outcome::kLimit:
      return close(step, Outcome::kLimit, pb::LIMIT);
    case Outcome::kDiskFull:
      return close(step, Outcome::kDiskFull, pb::DISK_FULL);
    case Outcome::kVmcore:
      return close(step, Outcome::kVmcore, pb::VMCORE);
    case Outcome::kStopped:
      return close(step, Outcome::kStopped, pb::STOPPED);
    case Outcome::kIoError:
      return close(step, Outcome::kIoError, pb::IO_ERROR);
    default:
      return leave_disk(step, event.outcome, event.limit_passed);
  }
}

DumpStep on_closed(DumpStep step, const DumpEvent& event) {
  const Outcome streamed = step.state.streamed;
  if (event.outcome == Outcome::kFenced || event.outcome == Outcome::kTimeout) {
    return leave_disk(step, event.outcome, event.limit_passed);
  }
  // A dump whose end cannot be recorded is not a dump that others will find whole.
  if (event.outcome != Outcome::kDone || streamed == Outcome::kIoError) {
    return leave_disk(step, Outcome::kIoError, event.limit_passed);
  }
  const auto news = streamed == Outcome::kDone ? Action::News::kCompleted : Action::News::kAborted;
  return finish(announce(step, news, streamed), false);
}

}  // namespace

DumpState initial_state(std::size_t candidate_count) {
  return {.candidate_count = candidate_count};
}

DumpStep step(const DumpState& state, const DumpEvent& event) {
  const DumpStep next{.state = state, .actions = {}};
  switch (event.kind) {
    case DumpEvent::Kind::kBegin:
      assert(state.phase == Phase::kIdle);
      if (state.candidate_count > 0) return check(next, 0);
      return finish(announce(next, Action::News::kNoneLeft, Outcome::kDone), false);
    case DumpEvent::Kind::kChecked:
      assert(state.phase == Phase::kChecking);
      return on_checked(next, event);
    case DumpEvent::Kind::kStarted:
      assert(state.phase == Phase::kStarting);
      return on_started(next, event);
    case DumpEvent::Kind::kStreamed:
      assert(state.phase == Phase::kStreaming);
      return on_streamed(next, event);
    case DumpEvent::Kind::kClosed:
      assert(state.phase == Phase::kClosing);
      return on_closed(next, event);
  }
  return finish(next, true);
}

}  // namespace lastword
