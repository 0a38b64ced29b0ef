#include "agent/disks/intent_log.h"

#include <functional>
#include <memory>
#include <utility>

#include "agent/node/intent_file.h"
#include "storage/block/record_io.h"

namespace lastword {
namespace {

RecordPlace own_place(const Config& config) {
  return config.self.id < config.partner.id ? RecordPlace::kMailboxLow : RecordPlace::kMailboxHigh;
}

void add_own_copy(const Config& config, std::vector<pb::TakeoverIntent>& copies,
                  std::vector<Error>& problems) {
  auto own = load_intent(config);
  if (own) {
    copies.push_back(std::move(*own));
  } else if (own.error().code != Code::kNotFound) {
    problems.push_back(own.error());
  }
}

// One mailbox disk's slot of this node. Owned by the thread that works on it, which may hang.
struct SlotWork {
  DiskInfo info;
  std::uint64_t metadata_offset = 0;
  std::shared_ptr<OpenDisk> open;  // read-only
  pb::MailboxSlot slot;            // read, or to be written
  Status status;
};
using SlotWorks = std::shared_ptr<std::vector<SlotWork>>;

SlotWorks mailbox_slots(const Look& look, const Config& config) {
  auto works = std::make_shared<std::vector<SlotWork>>();
  for (const DiskView& disk : look.survey.disks) {
    if (!in_cluster(disk, config) || disk.label->role() != pb::MAILBOX) continue;
    works->push_back({.info = disk.info,
                      .metadata_offset = disk.metadata_offset,
                      .open = look.open.find(disk.info.path),
                      .slot = {},
                      .status = {}});
  }
  return works;
}

Status read_slot(SlotWork& work, RecordPlace place) {
  if (!work.open) return {};
  const auto choice = RecordIo(*work.open->device, work.metadata_offset).read(place, work.slot);
  if (choice) return {};
  work.slot.Clear();
  return choice.error().code == Code::kNotFound ? Status{} : Status(fail(choice.error()));
}

Status write_slot(Shelf& shelf, const SlotWork& work, RecordPlace place, milliseconds io_timeout) {
  const auto disk = shelf.open(work.info, Access::kReadWrite, io_timeout);
  if (!disk) return fail(disk.error());
  return RecordIo(*disk->device, work.metadata_offset).put(place, work.slot);
}

// Runs `one` for each slot elsewhere. Those that did not come back lose their content.
void work_on(Executor& executor, SlotWorks& works, milliseconds io_timeout,
             const std::function<Status(SlotWork&)>& one) {
  const auto done = executor.fan_out(works->size(), io_timeout, [works, one](std::size_t i) {
    (*works)[i].status = one((*works)[i]);
  });
  // What a thread may still write to stays its own.
  auto finished = std::make_shared<std::vector<SlotWork>>();
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (done[i]) {
      finished->push_back(std::move((*works)[i]));
      continue;
    }
    SlotWork hanging;
    hanging.status = fail({.code = Code::kTimeout,
                           .operation = "takeover intent",
                           .disk = (*works)[i].info.path,
                           .detail = "the mailbox disk does not answer"});
    finished->push_back(std::move(hanging));
  }
  works = std::move(finished);
}

void add_problems(const SlotWorks& works, std::vector<Error>& problems) {
  for (const SlotWork& work : *works) {
    if (!work.status) problems.push_back(work.status.error());
  }
}

}  // namespace

KnownIntent IntentLog::read(const Look& look) const {
  std::vector<pb::TakeoverIntent> copies;
  KnownIntent known;
  add_own_copy(config_, copies, known.problems);
  SlotWorks works = mailbox_slots(look, config_);
  work_on(executor_, works, config_.timing.settings.io_timeout,
          [place = own_place(config_)](SlotWork& work) { return read_slot(work, place); });
  add_problems(works, known.problems);
  for (const SlotWork& work : *works) {
    if (work.slot.node() == config_.self.id) copies.push_back(work.slot.intent());
  }
  known.intent = newest_intent(copies);
  return known;
}

Result<KnownIntent> IntentLog::write(const Look& look, IntentPhase phase,
                                     std::uint32_t victim_generation) const {
  KnownIntent known = read(look);
  pb::TakeoverIntent intent =
      next_intent(known.intent, phase, config_.partner.id, victim_generation);
  intent.set_written_unix_ms(executor_.unix_ms());
  if (Status saved = save_intent(config_, intent); !saved) return fail(saved.error());
  SlotWorks works = mailbox_slots(look, config_);
  for (SlotWork& work : *works) {
    work.slot.set_node(config_.self.id);
    *work.slot.mutable_intent() = intent;
  }
  const milliseconds io_timeout = config_.timing.settings.io_timeout;
  work_on(executor_, works, io_timeout,
          [io_timeout, shelf = &shelf_, place = own_place(config_)](SlotWork& work) {
            return write_slot(*shelf, work, place, io_timeout);
          });
  known = {.intent = intent, .problems = {}};
  add_problems(works, known.problems);
  return known;
}

}  // namespace lastword
