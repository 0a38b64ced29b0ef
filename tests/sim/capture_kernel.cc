#include "tests/sim/capture_kernel.h"

#include <fmt/format.h>

#include <algorithm>

#include "dumpwriter/dump_plan.h"
#include "proto/candidate_check.h"
#include "proto/coredump.h"
#include "proto/unit_attention.h"
#include "storage/block/record_io.h"
#include "tests/agent/disks/shelf_nodes.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/world.h"

namespace lastword::sim {
namespace {

// One candidate, open. Shared with a command that hangs.
struct Place {
  Place(World& world, const Program& program, const pb::Candidate& own)
      : candidate(own),
        disk(open_lun(world.target, program.actor, world.node(program.actor->node).sight(),
                      lun_of(own))),
        records(*disk.device, own.metadata_offset_bytes()) {}

  static unsigned lun_of(const pb::Candidate& candidate) {
    return static_cast<unsigned>(candidate.disk_uuid().back() - '0');
  }

  pb::Candidate candidate;
  OpenDisk disk;
  RecordIo records;
  pb::CoredumpHeader header;
  PairChoice at;
};

using PlacePtr = std::shared_ptr<Place>;

class Dump {
 public:
  Dump(World& world, Program& program, const pb::Plan& plan)
      : world_(world), program_(program), plan_(plan) {
    for (const pb::Candidate& candidate : plan.candidates()) {
      places_.push_back(std::make_shared<Place>(world, program, candidate));
    }
    // Of what there is to write.
    takes_ = world.random.between(Time(100'000), Time(4'000'000));
  }

  void run() {
    DumpState state = initial_state(places_.size());
    DumpEvent event{.kind = DumpEvent::Kind::kBegin};
    while (state.phase != DumpState::Phase::kFinished) {
      const DumpStep next = step(state, event);
      for (const DumpAction& action : next.actions.all()) {
        event = perform(action);
        event.limit_passed = limit_passed();
      }
      state = next.state;
    }
  }

 private:
  using Kind = DumpAction::Kind;

  [[nodiscard]] milliseconds since_panic() const {
    return std::chrono::duration_cast<milliseconds>(
        world_.scheduler.now() - world_.truth.of(program_.actor->node).panicked_at);
  }
  [[nodiscard]] bool limit_passed() const {
    return since_panic() >= milliseconds(plan_.dump_limit_ms());
  }

  // The writer waits for a disk for one I/O time-out, and leaves it then.
  Status bounded(const std::function<Status()>& work) {
    const auto status = std::make_shared<Status>();
    const auto done = program_.executor.fan_out(1, program_.config.timing.settings.io_timeout,
                                                [status, work](std::size_t) { *status = work(); });
    if (!done.front()) return fail({.code = Code::kTimeout, .operation = "dump"});
    return *status;
  }
  static Outcome outcome_of(const Status& status) {
    if (status) return Outcome::kDone;
    switch (status.error().code) {
      case Code::kConflict:
      case Code::kFenced:
        return Outcome::kFenced;
      case Code::kTimeout:
        return Outcome::kTimeout;
      default:
        return Outcome::kIoError;
    }
  }

  DumpEvent perform(const DumpAction& action) {
    switch (action.kind) {
      case Kind::kAnnounce:
      case Kind::kFinish:
        return {};
      case Kind::kCheck:
        return {.kind = DumpEvent::Kind::kChecked,
                .outcome = check(places_[action.candidate]) ? Outcome::kDone : Outcome::kRejected};
      case Kind::kStart:
        return {.kind = DumpEvent::Kind::kStarted,
                .outcome = outcome_of(start(places_[action.candidate]))};
      case Kind::kStream:
        return {.kind = DumpEvent::Kind::kStreamed, .outcome = stream(places_[action.candidate])};
      case Kind::kClose:
        return {.kind = DumpEvent::Kind::kClosed,
                .outcome = outcome_of(close(places_[action.candidate], action.reason))};
    }
    return {};
  }

  Status check(const PlacePtr& place) {
    return bounded([plan = plan_, place]() -> Status {
      pb::Label label;
      if (auto found = place->records.read(RecordPlace::kLabel, label); !found) {
        return fail(found.error());
      }
      const auto at = place->records.read(RecordPlace::kCoredump, place->header);
      if (!at) return fail(at.error());
      place->at = *at;
      const auto held = past_unit_attentions([&] { return place->disk.lun->read_reservation(); });
      if (!held) return fail(held.error());
      return check_candidate(plan, place->candidate, label, place->header, *held);
    });
  }

  Status write(const PlacePtr& place) {
    return bounded([place]() -> Status {
      const auto next = place->records.write(RecordPlace::kCoredump, place->at, place->header);
      if (!next) return fail(next.error());
      place->at = *next;
      return {};
    });
  }

  Status start(const PlacePtr& place) {
    const pb::CoredumpHeader found = place->header;
    place->header.Clear();
    place->header.set_node(plan_.node());
    place->header.set_boot_generation(plan_.boot_generation());
    place->header.set_crash_id(fmt::format("{}-{}", plan_.node(), plan_.boot_generation()));
    place->header.set_limit_ms(plan_.dump_limit_ms());
    begin_dump(place->header, found, {},
               {.unix_ms = program_.executor.unix_ms(), .since_panic = since_panic()});
    set_figures(place->header, {.elapsed = since_panic()});
    return write(place);
  }

  Outcome stream(const PlacePtr& place) {
    const Time end = world_.scheduler.now() + takes_;
    for (;;) {
      const Time left = end - world_.scheduler.now();
      const auto limit = Time(milliseconds(plan_.dump_limit_ms()) - since_panic());
      const Time pause = std::min({Time(kProgressInterval), left, limit});
      if (pause > Time{0}) world_.scheduler.sleep(pause);
      if (limit_passed()) return Outcome::kLimit;
      if (world_.scheduler.now() >= end) return Outcome::kDone;
      set_figures(place->header, {.elapsed = since_panic(), .durable_bytes = 4096});
      if (Status written = write(place); !written) return outcome_of(written);
    }
  }

  Status close(const PlacePtr& place, pb::Reason reason) {
    set_figures(place->header, {.elapsed = since_panic(), .durable_bytes = 4096});
    if (reason == pb::REASON_NONE) {
      static_cast<void>(complete_dump(place->header));
    } else {
      static_cast<void>(abort_dump(place->header, reason));
    }
    return write(place);
  }

  World& world_;
  Program& program_;
  const pb::Plan& plan_;
  std::vector<PlacePtr> places_;
  Time takes_{};
};

}  // namespace

void dump_memory(World& world, Program& program, const pb::Plan& plan) {
  Dump(world, program, plan).run();
}

}  // namespace lastword::sim
