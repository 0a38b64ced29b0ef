#include "dumpwriter/by_hand.h"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "dumpwriter/base/stop_signals.h"
#include "dumpwriter/dump_run.h"
#include "dumpwriter/engine_choice.h"
#include "dumpwriter/open_classes.h"
#include "dumpwriter/terminal.h"
#include "proto/coredump.h"
#include "proto/format_text.h"
#include "proto/record_names.h"
#include "proto/timing.h"
#include "proto/unit_attention.h"
#include "storage/block/exclusive_lock.h"
#include "storage/block/label_search.h"
#include "storage/reserve/disk.h"

namespace lastword {
namespace {

constexpr milliseconds kIoTimeout = TimingSettings{}.io_timeout;

template <class... Args>
tl::unexpected<Error> refuse(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return fail({.code = code,
               .operation = "check disk",
               .detail = format_text(format, std::forward<Args>(args)...)});
}

Result<std::vector<ReservationKey>> read_keys(ScsiLun* lun) {
  if (lun == nullptr) return std::vector<ReservationKey>{};
  auto keys = past_unit_attentions([lun] { return lun->read_keys(); });
  if (!keys) return fail(keys.error());
  return std::move(keys->keys);
}

int exit_status_of(const DumpEnd& end) {
  switch (end.outcome) {
    case Outcome::kDone:
      return kExitOk;
    case Outcome::kLimit:
    case Outcome::kDiskFull:
    case Outcome::kStopped:
      return kExitPartial;
    case Outcome::kFenced:
      return kExitFenced;
    case Outcome::kRejected:
      return end.error ? exit_status(end.error->code) : kExitRefused;
    case Outcome::kVmcore:
    case Outcome::kIoError:
    case Outcome::kTimeout:
      return kExitIo;
  }
  return kExitIo;
}

class ByHand {
 public:
  explicit ByHand(const DumpOptions& options) : options_(options) {}

  Result<DumpEnd> run(TerminalReporter& reporter) {
    const Result<Vmcore> core = Vmcore::open(options_.vmcore);
    if (!core) return fail(core.error());
    auto disk = open_disk(options_.disk, Access::kReadWrite, kIoTimeout);
    if (!disk) return fail(disk.error());
    // Two writers would mix their streams: an image has no reservation, and on a disk both would
    // write under the same key.
    const auto lock =
        lock_disk(disk->info.path, [] { std::this_thread::sleep_for(milliseconds(100)); });
    if (!lock) return fail(lock.error());
    if (disk->info.is_image) {
      if (const auto loops = loop_devices_on(disk->info.path); !loops.empty()) {
        return refuse(Code::kRefused, "{} backs {}: detach it first", disk->info.path,
                      loops.front());
      }
    }
    pb::Label on_disk;
    const auto metadata_offset = find_label(*disk->device, options_.metadata_offset, on_disk);
    if (!metadata_offset) return fail(metadata_offset.error());
    const auto keys = read_keys(disk->lun.get());
    if (!keys) return fail(keys.error());
    const EngineSize size = size_engine(available_processors(), 1, options_.codec);
    auto engine = make_engine(options_.engine, disk->fd, disk->info.path, size.data_buffers);
    if (!engine) return fail(engine.error());

    const StopSignals signals;
    const PanicClock clock;
    const milliseconds limit = options_.limit.value_or(milliseconds::max());
    const DumpIdentity identity{
        .node = on_disk.owner_node() != 0 ? on_disk.owner_node() : on_disk.home_node(),
        // On a disk that a partner watches, no life of this node: it has not panicked.
        .boot_generation = disk->info.is_image ? on_disk.owner_generation() : 0,
        .crash_id = random_uuid(),
        .limit = options_.limit.value_or(milliseconds(0)),
        .memory_bytes = core->memory_bytes(),
        .kernel_release = std::string(core->vmcoreinfo().value("OSRELEASE").value_or("")),
        .exclude = options_.exclude.text(),
        .codec = options_.codec};
    const ByHandFacts facts{
        .is_image = disk->info.is_image, .overwrite = options_.overwrite, .registered = *keys};
    const auto rule = [&facts](const pb::Label& label, const pb::CoredumpHeader& header,
                               const std::optional<Reservation>& reservation) {
      return check_by_hand(facts, label, header, reservation);
    };
    DumpTarget target({.device = *disk->device,
                       .lun = disk->lun.get(),
                       .engine = **engine,
                       .metadata_offset = *metadata_offset},
                      rule, identity, clock, kIoTimeout);
    const DumpCandidate candidate{
        .disk_uuid = on_disk.disk_uuid(), .target = &target, .problem = {}};
    const auto classes = open_classes(*core, options_.exclude, reporter);
    CompressorPool pool(size);
    DumpRun dump({&candidate, 1}, &*core, {}, *classes, pool,
                 {.crash_id = identity.crash_id,
                  .limit = limit,
                  .io_timeout = kIoTimeout,
                  .exclude = options_.exclude,
                  .codec = options_.codec,
                  .stop = &StopSignals::asked()},
                 clock, reporter);
    const DumpEnd end = dump.run();
    if (target.header().durable_bytes() > 0) {
      reporter.note(describe_figures(target.header()).view());
    }
    if (end.outcome == Outcome::kTimeout ||
        (end.outcome == Outcome::kRejected && end.error->code == Code::kTimeout)) {
      // A thread, or the disk itself, still uses what would now be freed.
      reporter.error(*end.error);
      ::_exit(exit_status_of(end));
    }
    return end;
  }

 private:
  const DumpOptions& options_;
};

}  // namespace

Status check_by_hand(const ByHandFacts& facts, const pb::Label& label,
                     const pb::CoredumpHeader& header,
                     const std::optional<Reservation>& reservation) {
  if (!may_hold_dump(label.role())) {
    return refuse(Code::kRefused, "its role is neither dump nor spare: a dump would destroy data");
  }
  const bool may_be_lost = is_free(header) || facts.overwrite;
  if (!may_be_lost && header.attribute() == pb::ARMED) {
    return refuse(Code::kRefused, "it is ARMED for a crash: `lastword disarm`, or --overwrite");
  }
  if (!may_be_lost) {
    return refuse(Code::kRefused,
                  "it has a dump that is not saved ({}): `lastword recover` it, or --overwrite",
                  name_of(header.attribute()));
  }
  if (facts.is_image) return {};
  if (!reservation) {
    return refuse(Code::kConflict, "nobody holds its reservation: `lastword start` first");
  }
  if (reservation->type != kOwnerType) {
    return refuse(Code::kConflict, "reserved with type {}, lastword reserves with type {}",
                  static_cast<int>(reservation->type), static_cast<int>(kOwnerType));
  }
  const auto parts = parse_key(reservation->holder);
  const bool owners_key = parts && parts->node == label.owner_node();
  const bool still_registered = std::find(facts.registered.begin(), facts.registered.end(),
                                          reservation->holder) != facts.registered.end();
  if (!owners_key || !still_registered) {
    return refuse(Code::kConflict,
                  "key {:#018x} holds its reservation, which is not a key of its owner, node {}",
                  reservation->holder.value, label.owner_node());
  }
  return {};
}

FixedText<256> describe_figures(const pb::CoredumpHeader& header) {
  constexpr std::uint64_t kTenths = 10;  // of a second, of a ratio: no floating point to print
  const std::uint64_t ms = std::max<std::uint64_t>(header.elapsed_ms(), 1);
  const std::uint64_t tenths = (ms + 50) / 100;
  const std::uint64_t stored_bytes = header.stored_pages() * kPageBytes;
  const std::uint64_t ratio = (stored_bytes * kTenths + header.durable_bytes() / 2) /
                              std::max<std::uint64_t>(header.durable_bytes(), 1);
  return format_text(
      "{} bytes on disk in {}.{} s ({} MB/s of memory); of {} pages {} stored, {} zero, {} left "
      "out; compressed {}.{} : 1",
      header.durable_bytes(), tenths / kTenths, tenths % kTenths,
      header.scanned_bytes() / ms / 1000, header.memory_bytes() / kPageBytes, header.stored_pages(),
      header.zero_pages(), header.excluded_pages(), ratio / kTenths, ratio % kTenths);
}

int run_by_hand(const DumpOptions& options) {
  TerminalReporter reporter;
  const Result<DumpEnd> end = ByHand(options).run(reporter);
  if (!end) {
    reporter.error(end.error());
    return exit_status(end.error().code);
  }
  if (end->outcome == Outcome::kStopped) {
    reporter.note(end->error->detail.view());
  } else if (end->error) {
    reporter.error(*end->error);
  }
  return exit_status_of(*end);
}

}  // namespace lastword
