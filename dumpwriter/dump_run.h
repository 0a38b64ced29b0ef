// Carries out the decisions of dump_plan.h on real (or fake) disks.
#pragma once

#include <atomic>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "dumpwriter/base/bounded_call.h"
#include "dumpwriter/base/clock.h"
#include "dumpwriter/dump_plan.h"
#include "dumpwriter/memory/vmcore.h"
#include "dumpwriter/stream/dump_target.h"
#include "dumpwriter/stream/reporter.h"
#include "dumpwriter/stream/stream_writer.h"

namespace lastword {

// A candidate, in the order of rank.
struct DumpCandidate {
  std::string_view disk_uuid;
  DumpTarget* target = nullptr;  // null: not found or not usable, and `problem` says why
  Error problem;
};

struct DumpSettings {
  UuidBytes crash_id{};
  milliseconds limit{0};       // from the panic
  milliseconds io_timeout{0};  // for one command of a check
  PageFilter exclude;
  CodecSetting codec;
  const std::atomic<bool>* stop = nullptr;  // see StreamSettings
};

// How it ended.
struct DumpEnd {
  Outcome outcome = Outcome::kRejected;  // of the last candidate that was tried
  bool reboot_now = false;               // fenced: whatever the plan says
  std::optional<Error> error;            // unless kDone
};

class DumpRun {
 public:
  // `core` null: `core_error` says why it could not be opened; the candidate's header then says
  // ABORTED(VMCORE), so that the partner need not wait. Everything must outlive the run, and after
  // a hanging check the process.
  DumpRun(std::span<const DumpCandidate> candidates, const Vmcore* core, const Error& core_error,
          FrameClasses& classes, CompressorPool& pool, const DumpSettings& settings,
          const Clock& clock, DumpReporter& reporter);

  [[nodiscard]] DumpEnd run();

 private:
  [[nodiscard]] DumpEvent perform(const DumpAction& action);
  void rehearse();
  [[nodiscard]] Status check(std::size_t index);
  [[nodiscard]] Outcome stream(DumpTarget& target);
  void announce(const DumpAction& action);
  [[nodiscard]] Outcome outcome_of(const Status& status);

  std::span<const DumpCandidate> candidates_;
  const Vmcore* core_;
  Error core_error_;
  FrameClasses& classes_;
  CompressorPool& pool_;
  DumpSettings settings_;
  const Clock& clock_;
  DumpReporter& reporter_;
  std::optional<PageReader> pages_;
  EssentialFrames essential_;
  std::deque<std::optional<BoundedCall>> checks_;  // by candidate; empty without a target
  DumpState state_;
  DumpEnd end_;
};

}  // namespace lastword
