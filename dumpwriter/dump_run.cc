#include "dumpwriter/dump_run.h"

#include <algorithm>

#include "proto/record_names.h"

namespace lastword {
namespace {

using Kind = DumpAction::Kind;
using News = DumpAction::News;

// What a sick later candidate may cost the dump on the first one.
constexpr milliseconds kRehearsal{200};

std::string_view event_of(News news) {
  switch (news) {
    case News::kRejected:
      return "candidate-rejected";
    case News::kStarted:
      return "dump-started";
    case News::kCompleted:
      return "dump-completed";
    case News::kAborted:
      return "dump-aborted";
    case News::kNoneLeft:
      return "no-candidate-left";
  }
  return "unknown";
}

std::string_view reason_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kLimit:
      return name_of(pb::LIMIT);
    case Outcome::kDiskFull:
      return name_of(pb::DISK_FULL);
    case Outcome::kVmcore:
      return name_of(pb::VMCORE);
    case Outcome::kStopped:
      return name_of(pb::STOPPED);
    case Outcome::kIoError:
      return name_of(pb::IO_ERROR);
    case Outcome::kTimeout:
      return "TIMEOUT";
    case Outcome::kFenced:
      return "FENCED";
    case Outcome::kDone:
    case Outcome::kRejected:
      return "";
  }
  return "";
}

}  // namespace

DumpRun::DumpRun(std::span<const DumpCandidate> candidates, const Vmcore* core,
                 const Error& core_error, FrameClasses& classes, CompressorPool& pool,
                 const DumpSettings& settings, const Clock& clock, DumpReporter& reporter)
    : candidates_(candidates),
      core_(core),
      core_error_(core_error),
      classes_(classes),
      pool_(pool),
      settings_(settings),
      clock_(clock),
      reporter_(reporter),
      state_(initial_state(candidates.size())) {
  if (core_ != nullptr) pages_.emplace(*core_);
  for (const DumpCandidate& candidate : candidates_) {
    auto& check = checks_.emplace_back();
    if (candidate.target != nullptr) {
      check.emplace([target = candidate.target] { return target->check(); });
    }
  }
}

// The first check of a disk allocates what its records need. Those of the later candidates do so
// here, before the first byte, so that a dump which has to change disks does not. What they found
// means nothing: a candidate is checked again when its turn comes.
void DumpRun::rehearse() {
  const milliseconds patience = std::min(kRehearsal, settings_.io_timeout);
  for (std::size_t i = 1; i < checks_.size(); ++i) {
    if (checks_[i]) checks_[i]->rehearse(patience);
  }
}

DumpEnd DumpRun::run() {
  rehearse();
  DumpEvent event{.kind = DumpEvent::Kind::kBegin};
  while (state_.phase != DumpState::Phase::kFinished) {
    const DumpStep next = step(state_, event);
    for (const DumpAction& action : next.actions.all()) {
      event = perform(action);
      event.limit_passed = clock_.since_panic() >= settings_.limit;
    }
    state_ = next.state;
  }
  return end_;
}

DumpEvent DumpRun::perform(const DumpAction& action) {
  switch (action.kind) {
    case Kind::kAnnounce:
      announce(action);
      return {};
    case Kind::kFinish:
      end_.reboot_now = action.reboot_now;
      return {};
    case Kind::kCheck: {
      const Status status = check(action.candidate);
      end_.outcome = status ? Outcome::kDone : Outcome::kRejected;
      if (!status) end_.error = status.error();
      return {.kind = DumpEvent::Kind::kChecked, .outcome = end_.outcome};
    }
    case Kind::kStart:
      return {.kind = DumpEvent::Kind::kStarted,
              .outcome = outcome_of(candidates_[action.candidate].target->start())};
    case Kind::kStream:
      return {.kind = DumpEvent::Kind::kStreamed,
              .outcome = stream(*candidates_[action.candidate].target)};
    case Kind::kClose: {
      const Status status = candidates_[action.candidate].target->finish(action.reason);
      // How the stream ended says more than that the header could be written.
      if (status) return {.kind = DumpEvent::Kind::kClosed, .outcome = Outcome::kDone};
      return {.kind = DumpEvent::Kind::kClosed, .outcome = outcome_of(status)};
    }
  }
  return {};
}

Status DumpRun::check(std::size_t index) {
  const DumpCandidate& candidate = candidates_[index];
  if (!checks_[index]) return fail(candidate.problem);
  Status status = checks_[index]->call(settings_.io_timeout);
  if (!status && status.error().disk.empty()) {
    Error error = status.error();
    error.disk = candidate.target->name();
    return fail(error);
  }
  return status;
}

Outcome DumpRun::stream(DumpTarget& target) {
  if (core_ == nullptr) {
    end_.outcome = Outcome::kVmcore;
    end_.error = core_error_;
    return Outcome::kVmcore;
  }
  StreamWriter writer(
      *core_, {.pages = *pages_, .essential = essential_, .classes = classes_, .pool = pool_},
      target,
      {.crash_id = settings_.crash_id,
       .limit = settings_.limit,
       .codec = settings_.codec,
       .stop = settings_.stop},
      settings_.exclude, clock_, reporter_);
  const StreamResult result = writer.run();
  end_.outcome = result.outcome;
  end_.error = result.outcome == Outcome::kDone ? std::nullopt : std::optional(result.error);
  return result.outcome;
}

Outcome DumpRun::outcome_of(const Status& status) {
  end_.error = status ? std::nullopt : std::optional(status.error());
  if (status) {
    end_.outcome = Outcome::kDone;
  } else if (status.error().code == Code::kFenced) {
    end_.outcome = Outcome::kFenced;
  } else {
    end_.outcome = status.error().code == Code::kTimeout ? Outcome::kTimeout : Outcome::kIoError;
  }
  return end_.outcome;
}

void DumpRun::announce(const DumpAction& action) {
  char text[768];
  DumpNews news{.event = event_of(action.news)};
  if (action.news != News::kNoneLeft) {
    const DumpCandidate& candidate = candidates_[action.candidate];
    news.disk_uuid = candidate.disk_uuid;
    if (candidate.target != nullptr) news.disk_path = candidate.target->name();
    news.reason = reason_of(action.outcome);
    if (action.news == News::kStarted) {
      news.detail = candidate.target->writer().engine_name();
    } else if (action.outcome != Outcome::kDone && end_.error) {
      news.detail = describe_to(*end_.error, text, sizeof text);
    }
  }
  reporter_.event(news);
}

}  // namespace lastword
