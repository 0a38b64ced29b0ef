#include "agent/disks/intent_log.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include "agent/node/intent_file.h"
#include "agent/node/persistent_files.h"
#include "agent/protocol/mailbox.h"
#include "agent/protocol/start_plan.h"

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

KnownIntent read_intent(const Config& config, const Survey& survey) {
  std::vector<pb::TakeoverIntent> copies;
  KnownIntent known;
  add_own_copy(config, copies, known.problems);
  for (const DiskView& disk : survey.disks) {
    for (const pb::MailboxSlot& slot : disk.mailbox) {
      if (in_cluster(disk, config) && slot.node() == config.self.id) {
        copies.push_back(slot.intent());
      }
    }
  }
  known.intent = newest_intent(copies);
  return known;
}

Event intent_not_kept(const Error& problem) {
  return {.name = "intent-not-kept",
          .disk = std::string(problem.disk.view()),
          .detail = describe(problem)};
}

Event slot_rewritten(const std::string& disk) {
  return {.name = "slot-rewritten", .disk = disk, .detail = std::string(kSlotWasDamaged)};
}

pb::TakeoverIntent IntentLog::next(const std::optional<pb::TakeoverIntent>& before,
                                   IntentPhase phase, std::uint32_t victim_generation,
                                   bool proven) const {
  pb::TakeoverIntent intent = next_intent(before, phase, config_.partner.id, victim_generation);
  intent.set_number(
      std::max(intent.number(), first_number_of(writer_.member.self.boot_generation)));
  intent.set_proven(proven);
  intent.set_written_unix_ms(executor_.unix_ms());
  return intent;
}

Status IntentLog::write_here(const pb::TakeoverIntent& intent) const {
  // Elsewhere: a system disk that dies may hold a sync up for good.
  const auto saved = std::make_shared<Status>();
  const auto done = executor_.fan_out(
      1, config_.timing.settings.io_timeout, [saved, intent, config = config_](std::size_t) {
        *saved = save_intent(config, intent);
        // A life that waited serves from now on.
        const bool serves = intent.phase() == pb::TakeoverIntent::TAKING;
        if (*saved && serves) *saved = note_life_in_boot(config);
      });
  if (done.front()) return *saved;
  return fail({.code = Code::kTimeout,
               .operation = "write takeover intent",
               .disk = config_.persistent_directory,
               .detail = "the file system does not answer"});
}

Result<SlotWritten> IntentLog::write_slot(const DiskInfo& disk, std::uint64_t metadata_offset,
                                          const std::string& disk_uuid,
                                          const pb::TakeoverIntent& intent) const {
  const auto open = shelf_.open(disk, Access::kReadWrite, config_.timing.settings.io_timeout);
  if (!open) return fail(open.error());
  return note_intent({*open->device, metadata_offset, disk_uuid}, writer_, intent);
}

CopiesWritten IntentLog::write_slots(const Survey& survey, const std::vector<std::size_t>& disks,
                                     const WriteSlot& write) const {
  struct Work {
    DiskInfo info;
    std::uint64_t metadata_offset = 0;
    std::string disk_uuid;
    Result<SlotWritten> result = {};
  };
  const auto works = std::make_shared<std::vector<Work>>();
  for (const std::size_t index : disks) {
    const DiskView& disk = survey.disks[index];
    works->push_back({.info = disk.info,
                      .metadata_offset = disk.metadata_offset,
                      .disk_uuid = disk.label->disk_uuid()});
  }
  const milliseconds io_timeout = config_.timing.settings.io_timeout;
  const auto done = executor_.fan_out(
      works->size(), io_timeout, [works, write, io_timeout, shelf = &shelf_](std::size_t i) {
        Work& work = (*works)[i];
        const auto open = shelf->open(work.info, Access::kReadWrite, io_timeout);
        if (open) {
          work.result = write({*open->device, work.metadata_offset, work.disk_uuid});
        } else {
          work.result = fail(open.error());
        }
      });
  CopiesWritten written;
  for (std::size_t i = 0; i < done.size(); ++i) {
    const Work& work = (*works)[i];
    if (!done[i]) {
      written.problems.push_back({.code = Code::kTimeout,
                                  .operation = "write takeover intent",
                                  .disk = work.info.path,
                                  .detail = "the mailbox disk does not answer"});
    } else if (!work.result) {
      Error problem = work.result.error();
      if (problem.disk.empty()) problem.disk = work.info.path;
      written.problems.push_back(problem);
    } else {
      ++written.copies;
      if (work.result->was_damaged) written.rewritten.push_back(work.info.path);
    }
  }
  return written;
}

CopiesWritten IntentLog::write(const Survey& survey, const pb::TakeoverIntent& intent) const {
  const Status here = write_here(intent);
  std::vector<std::size_t> disks;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (!is_mailbox_disk(disk, config_)) continue;
    // A clone is left alone, and so is what it was cloned from.
    if (disks_with_uuid(survey, config_, disk.label->disk_uuid()).size() > 1) continue;
    disks.push_back(i);
  }
  CopiesWritten written =
      write_slots(survey, disks, [writer = writer_, intent](const OwnSlot& slot) {
        return note_intent(slot, writer, intent);
      });
  if (here) ++written.copies;
  if (!here) written.problems.insert(written.problems.begin(), here.error());
  return written;
}

CopiesWritten IntentLog::repair(const Survey& survey, const std::vector<std::size_t>& disks,
                                const std::optional<pb::TakeoverIntent>& newest) const {
  return write_slots(survey, disks, [writer = writer_, newest](const OwnSlot& slot) {
    return update_slot(slot, writer, newest);
  });
}

}  // namespace lastword
