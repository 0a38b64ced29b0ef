// The whole life of a dump as decisions: which candidate, what to write to its header, when to stop
// and what then. Pure: step(state, event) gives the next state and the actions; the driver
// (dump_run.h) carries them out in order and feeds back what came of the last one.
//
//   begin -> check -> start -> stream -> close -> finish
//              |        |        |         |
//              +--------+--------+---------+--> the next candidate, or finish when there is none
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dumpwriter/stream/outcome.h"
#include "proto/disk.pb.h"

namespace lastword {

struct DumpEvent {
  enum class Kind : std::uint8_t { kBegin, kChecked, kStarted, kStreamed, kClosed };
  Kind kind = Kind::kBegin;
  Outcome outcome = Outcome::kDone;
  bool limit_passed = false;  // by now
};

struct DumpAction {
  enum class Kind : std::uint8_t {
    kCheck,     // answered by kChecked
    kStart,     // write IN_PROGRESS durably; answered by kStarted
    kStream,    // answered by kStreamed
    kClose,     // write COMPLETED, or ABORTED with a `reason`, durably; answered by kClosed
    kAnnounce,  // say `news` about the candidate
    kFinish,  // the after-action of the plan, or with `reboot_now` a reboot whatever the plan says
  };
  enum class News : std::uint8_t { kRejected, kStarted, kCompleted, kAborted, kNoneLeft };

  Kind kind = Kind::kFinish;
  std::size_t candidate = 0;  // the subject, by rank
  News news = News::kNoneLeft;
  pb::Reason reason = pb::REASON_NONE;  // kClose: REASON_NONE is COMPLETED
  Outcome outcome = Outcome::kDone;     // kAnnounce(kAborted): why
  bool reboot_now = false;
};

struct DumpState {
  enum class Phase : std::uint8_t { kIdle, kChecking, kStarting, kStreaming, kClosing, kFinished };
  Phase phase = Phase::kIdle;
  std::size_t candidate_count = 0;
  std::size_t candidate = 0;          // being tried, by rank
  bool anything_started = false;      // some disk has a prefix of this dump
  Outcome streamed = Outcome::kDone;  // with kClosing
};

// At most three actions; only the last one is answered by an event.
class DumpActions {
 public:
  void add(const DumpAction& action) { actions_[count_++] = action; }
  [[nodiscard]] std::span<const DumpAction> all() const { return {actions_.data(), count_}; }

 private:
  std::array<DumpAction, 3> actions_{};
  std::size_t count_ = 0;
};

struct DumpStep {
  DumpState state;
  DumpActions actions;
};

[[nodiscard]] DumpState initial_state(std::size_t candidate_count);
// An event that does not belong to the state's phase is a bug of the driver: asserted.
[[nodiscard]] DumpStep step(const DumpState& state, const DumpEvent& event);

}  // namespace lastword
