#include "agent/disks/intent_log.h"

#include <memory>
#include <utility>

#include "agent/node/intent_file.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/start_plan.h"
#include "storage/block/record_io.h"

namespace lastword {
namespace {

void add_own_copy(const Config& config, std::vector<pb::TakeoverIntent>& copies,
                  std::vector<Error>& problems) {
  auto own = load_intent(config);
  if (own) {
    copies.push_back(std::move(*own));
  } else if (own.error().code != Code::kNotFound) {
    problems.push_back(own.error());
  }
}

}  // namespace

KnownIntent IntentLog::read(const Survey& survey) const {
  std::vector<pb::TakeoverIntent> copies;
  KnownIntent known;
  add_own_copy(config_, copies, known.problems);
  for (const DiskView& disk : survey.disks) {
    for (const pb::MailboxSlot& slot : disk.mailbox) {
      if (in_cluster(disk, config_) && slot.node() == config_.self.id) {
        copies.push_back(slot.intent());
      }
    }
  }
  known.intent = newest_intent(copies);
  return known;
}

Result<pb::TakeoverIntent> IntentLog::write_here(const Survey& survey, IntentPhase phase,
                                                 std::uint32_t victim_generation,
                                                 bool proven) const {
  pb::TakeoverIntent intent =
      next_intent(read(survey).intent, phase, config_.partner.id, victim_generation);
  intent.set_proven(proven);
  intent.set_written_unix_ms(executor_.unix_ms());
  if (Status saved = save_intent(config_, intent); !saved) return fail(saved.error());
  return intent;
}

Status IntentLog::write_slot(const DiskInfo& disk, std::uint64_t metadata_offset,
                             const pb::TakeoverIntent& intent) const {
  const auto open = shelf_.open(disk, Access::kReadWrite, config_.timing.settings.io_timeout);
  if (!open) return fail(open.error());
  RecordIo records(*open->device, metadata_offset);
  const RecordPlace place = mailbox_place(config_);
  pb::MailboxSlot slot;
  const auto found = records.read(place, slot);
  if (!found && found.error().code != Code::kNotFound) return fail(found.error());
  if (!found || slot.node() != config_.self.id) slot.Clear();
  slot.set_node(config_.self.id);
  *slot.mutable_intent() = intent;
  return records.put(place, slot);
}

Result<std::vector<Error>> IntentLog::write(const Survey& survey, IntentPhase phase,
                                            std::uint32_t victim_generation, bool proven) const {
  const auto intent = write_here(survey, phase, victim_generation, proven);
  if (!intent) return fail(intent.error());
  struct Work {
    DiskInfo info;
    std::uint64_t metadata_offset = 0;
    Status status = {};
  };
  const auto works = std::make_shared<std::vector<Work>>();
  for (const DiskView& disk : survey.disks) {
    if (!is_mailbox_disk(disk, config_)) continue;
    // A clone is left alone, and so is what it was cloned from.
    if (disks_with_uuid(survey, config_, disk.label->disk_uuid()).size() > 1) continue;
    works->push_back({.info = disk.info, .metadata_offset = disk.metadata_offset});
  }
  const auto done = executor_.fan_out(works->size(), config_.timing.settings.io_timeout,
                                      [works, log = *this, intent = *intent](std::size_t i) {
                                        Work& work = (*works)[i];
                                        work.status =
                                            log.write_slot(work.info, work.metadata_offset, intent);
                                      });
  std::vector<Error> problems;
  for (std::size_t i = 0; i < done.size(); ++i) {
    const Work& work = (*works)[i];
    if (!done[i]) {
      problems.push_back({.code = Code::kTimeout,
                          .operation = "write takeover intent",
                          .disk = work.info.path,
                          .detail = "the mailbox disk does not answer"});
    } else if (!work.status) {
      problems.push_back(work.status.error());
    }
  }
  return problems;
}

}  // namespace lastword
