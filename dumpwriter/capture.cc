#include "dumpwriter/capture.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <deque>
#include <exception>
#include <string>

#include "dumpwriter/capture_system.h"
#include "dumpwriter/console.h"
#include "dumpwriter/disk_search.h"
#include "dumpwriter/dump_run.h"
#include "dumpwriter/engine_choice.h"
#include "dumpwriter/open_classes.h"
#include "proto/candidate_check.h"
#include "proto/format_text.h"
#include "proto/record.h"
#include "proto/timing.h"
#include "storage/block/aligned_buffer.h"

namespace lastword {
namespace {

void note_error(DumpReporter& reporter, const Error& error) {
  char text[768];
  reporter.note(describe_to(error, text, sizeof text));
}

Result<pb::Plan> read_plan() {
  const AlignedBuffer block(kBlockBytes);
  const FileDescriptor file(::open(kPlanPath, O_RDONLY | O_CLOEXEC));
  const ssize_t got = file.valid() ? ::read(file.get(), block.span().data(), kBlockBytes) : -1;
  const Slot slot = parse_slot(block.block(0), RecordKind::kPlan);
  pb::Plan plan;
  if (got == static_cast<ssize_t>(kBlockBytes) && slot.state == SlotState::kValid &&
      plan.ParseFromArray(slot.record->payload.data(),
                          static_cast<int>(slot.record->payload.size()))) {
    return plan;
  }
  return fail({.code = Code::kCorrupt,
               .operation = "read plan",
               .disk = kPlanPath,
               .detail = format_text("{}: run `lastword arm` again", name_of(slot.state))});
}

// One candidate's disk with all that a run needs, built before the first byte.
struct OpenCandidate {
  OpenDisk disk;
  std::unique_ptr<WriteEngine> engine;
  std::optional<DumpTarget> target;
};

class Capture {
 public:
  Capture(const pb::Plan& plan, ConsoleReporter& reporter)
      : plan_(plan), io_timeout_(plan.io_timeout_ms()), reporter_(reporter) {}

  DumpEnd run() {
    load_modules();
    const Result<Vmcore> core = Vmcore::open("/proc/vmcore");
    if (!core) note_error(reporter_, core.error());
    if (core) reporter_.note(format_text("vmcore of {} bytes", core->file_bytes()).view());
    const Vmcoreinfo info = core ? core->vmcoreinfo() : Vmcoreinfo();
    const PanicClock clock(info);
    const milliseconds limit(plan_.dump_limit_ms());
    // Whatever is wrong with these, a dump without them is better than none.
    const PageFilter exclude = PageFilter::parse(plan_.exclude()).value_or(PageFilter());
    const CodecSetting codec =
        CodecSetting::parse(plan_.codec()).value_or(CodecSetting{.automatic = false, .fixed = {}});
    const DumpIdentity identity{
        .node = plan_.node(),
        .boot_generation = plan_.boot_generation(),
        .crash_id = random_uuid(),
        .limit = limit,
        .memory_bytes = core ? core->memory_bytes() : 0,
        .kernel_release = std::string(info.value("OSRELEASE").value_or(plan_.kernel_release())),
        .exclude = exclude.text(),
        .codec = codec};
    const EngineSize size = size_engine(available_processors(),
                                        static_cast<std::size_t>(plan_.candidates_size()), codec);
    prepare(identity, clock, size);
    classes_ = core ? open_classes(*core, exclude, reporter_) : std::make_unique<NoFrameClasses>();
    pool_.emplace(size);
    reporter_.note(
        format_text("{} MiB of memory without {}, codec {}, {} processors, {} candidates, "
                    "{} ms since the panic",
                    identity.memory_bytes >> 20, identity.exclude, text_of(codec).view(),
                    size.processors, candidates_.size(), clock.since_panic().count())
            .view());
    DumpRun run(candidates_, core ? &*core : nullptr, core ? Error{} : core.error(), *classes_,
                *pool_,
                {.crash_id = identity.crash_id,
                 .limit = limit,
                 .io_timeout = io_timeout_,
                 .exclude = exclude,
                 .codec = codec},
                clock, reporter_);
    return run.run();
  }

 private:
  void load_modules() {
    for (int i = 0; i < plan_.modules_size(); ++i) {
      const std::string options =
          i < plan_.module_options_size() ? plan_.module_options(i) : std::string();
      if (Status status = load_module(kModuleDirectory + plan_.modules(i), options); !status) {
        note_error(reporter_, status.error());
      }
    }
  }

  void prepare(const DumpIdentity& identity, const Clock& clock, const EngineSize& size) {
    auto found = find_candidates(plan_);
    for (int i = 0; i < plan_.candidates_size(); ++i) {
      const pb::Candidate& planned = plan_.candidates(i);
      DumpCandidate& candidate = candidates_.emplace_back();
      candidate.disk_uuid = planned.disk_uuid();
      auto& disk = found[static_cast<std::size_t>(i)];
      auto engine = disk ? make_engine(plan_.engine(), disk->fd, disk->info.path, size.data_buffers)
                         : fail(disk.error());
      if (!engine) {
        candidate.problem = engine.error();
        continue;
      }
      OpenCandidate& open = open_.emplace_back();
      open.disk = std::move(*disk);
      open.engine = std::move(*engine);
      const auto rule = [this, &planned](const pb::Label& label, const pb::CoredumpHeader& header,
                                         const std::optional<Reservation>& reservation) {
        return check_candidate(plan_, planned, label, header, reservation);
      };
      candidate.target =
          &open.target.emplace(TargetDisk{.device = *open.disk.device,
                                          .lun = open.disk.lun.get(),
                                          .engine = *open.engine,
                                          .metadata_offset = planned.metadata_offset_bytes()},
                               rule, identity, clock, io_timeout_);
    }
  }

  const pb::Plan& plan_;
  milliseconds io_timeout_;
  ConsoleReporter& reporter_;
  std::deque<OpenCandidate> open_;
  std::vector<DumpCandidate> candidates_;
  std::unique_ptr<FrameClasses> classes_;
  std::optional<CompressorPool> pool_;
};

pb::AfterDump dump(ConsoleReporter& reporter, const pb::Plan& plan) {
  reporter.set_node(plan.node_name());
  reporter.event({.event = "capture-started"});
  // Not freed: a check that hangs still uses what the run uses.
  auto* const capture = new Capture(plan, reporter);
  const DumpEnd end = capture->run();
  reporter.note(format_text("peak rss {} bytes", peak_rss_bytes()).view());
  return end.reboot_now ? pb::REBOOT : plan.after();
}

}  // namespace

void run_as_init() {
  // One arena: the threads of the disk search would otherwise each reserve their own.
  ::mallopt(M_ARENA_MAX, 1);
  ConsoleReporter reporter(STDERR_FILENO);
  mount_file_systems(reporter);
  Restart restart;
  pb::AfterDump after = pb::REBOOT;
  milliseconds patience = TimingSettings{}.io_timeout;
  try {
    auto* const plan = new Result<pb::Plan>(read_plan());  // lives as long as what uses it
    if (*plan) {
      patience = milliseconds((*plan)->io_timeout_ms());
      after = dump(reporter, **plan);
    } else {
      note_error(reporter, plan->error());
    }
  } catch (const std::exception& error) {
    reporter.note(error.what());
  }
  reporter.note(after == pb::HOLD        ? "holding, as planned"
                : after == pb::POWER_OFF ? "powering off"
                                         : "rebooting");
  restart.now(after, patience);
}

}  // namespace lastword
