#include "agent/disks/survey.h"

#include <string>
#include <utility>

#include "agent/disks/held_disk.h"
#include "agent/disks/seize_run.h"
#include "agent/disks/slot_reads.h"
#include "proto/record.h"
#include "proto/unit_attention.h"

namespace lastword {
namespace {

void read_reservation(ScsiLun& lun, DiskView& disk) {
  if (const Status ready = wait_until_ready(lun); !ready) {
    disk.scsi_problem = ready.error();
    return;
  }
  if (auto registrations = past_unit_attentions([&] { return lun.read_keys(); })) {
    disk.keys = std::move(registrations->keys);
  } else {
    disk.scsi_problem = registrations.error();
    return;
  }
  if (auto reservation = past_unit_attentions([&] { return lun.read_reservation(); })) {
    disk.reservation = *reservation;
  } else {
    disk.scsi_problem = reservation.error();
  }
  disk.reservations_known = !disk.scsi_problem;
  disk.aptpl = tries_aptpl(lun);
}

// What one disk's thread finds out.
struct Probed {
  DiskView view;
  std::shared_ptr<OpenDisk> open;  // null: not labelled, or see view.problem
};

// GPT, registrations and reservation: several dependent commands, one thread for each disk.
void probe(Shelf& shelf, Probed& disk, milliseconds io_timeout) {
  auto opened = shelf.open(disk.view.info, Access::kReadOnly, io_timeout);
  if (!opened) {
    disk.view.problem = opened.error();
    return;
  }
  const auto offset = shelf.find_records(*opened);
  if (!offset) {
    if (offset.error().code == Code::kNotFound) return;
    disk.view.problem = offset.error();
    // Who has a disk that gives no data is worth knowing; one that does not answer is not asked.
    if (opened->lun && offset.error().code == Code::kIo) read_reservation(*opened->lun, disk.view);
    return;
  }
  disk.view.metadata_offset = *offset;
  if (opened->lun) read_reservation(*opened->lun, disk.view);
  disk.open = std::make_shared<OpenDisk>(std::move(*opened));
}

// The first slots of all records lie side by side, and so do the second ones: two reads fetch all.
constexpr std::size_t kBlocksPerRead = kRecordPlaces.size();
static_assert(slot_offset(RecordPlace::kMailboxHigh, 0) ==
              slot_offset(RecordPlace::kLabel, 0) + (kBlocksPerRead - 1) * kBlockBytes);

// All blocks were read: what do they say?
void parse_records(const AlignedBuffer& slots, DiskView& disk) {
  const auto slot = [&](RecordPlace place, unsigned index) -> BlockView {
    return slots.block(index * kBlocksPerRead + static_cast<std::size_t>(place));
  };
  const auto located = [&](Error error, RecordPlace place) {
    error.disk = disk.info.path;
    error.offset = disk.metadata_offset + slot_offset(place, 0);
    return error;
  };
  pb::Label label;
  const auto label_choice = read_pair(slot(RecordPlace::kLabel, 0), slot(RecordPlace::kLabel, 1),
                                      RecordKind::kLabel, label);
  if (!label_choice) {
    if (label_choice.error().code != Code::kNotFound) {
      disk.problem = located(label_choice.error(), RecordPlace::kLabel);
    }
    return;
  }
  disk.label = std::move(label);
  if (disk.label->role() == pb::MAILBOX) {
    for (const auto& [index, place] :
         {std::pair{0U, RecordPlace::kMailboxLow}, {1U, RecordPlace::kMailboxHigh}}) {
      const auto found =
          read_pair(slot(place, 0), slot(place, 1), RecordKind::kMailboxSlot, disk.mailbox[index]);
      if (found) continue;
      disk.mailbox[index].Clear();
      if (found.error().code == Code::kNotFound) continue;
      disk.mailbox_damaged.at(index) = true;
      disk.problem = located(found.error(), place);
    }
    return;
  }
  const auto choice = read_pair(slot(RecordPlace::kCoredump, 0), slot(RecordPlace::kCoredump, 1),
                                RecordKind::kCoredumpHeader, disk.header);
  if (choice) {
    disk.header_sequence = choice->next_sequence - 1;
    return;
  }
  disk.header.Clear();
  if (choice.error().code != Code::kNotFound) {
    disk.problem = located(choice.error(), RecordPlace::kCoredump);
  }
}

// Labels and headers of all disks that are open, in one batch. Those with a label stay open.
OpenDisks read_records(Shelf& shelf, Executor& executor,
                       const std::shared_ptr<RestingDisks>& resting, std::vector<Probed>& disks,
                       milliseconds io_timeout) {
  std::vector<DiskView*> views;
  std::vector<SlotRead> reads;
  for (Probed& disk : disks) {
    if (!disk.open) continue;
    views.push_back(&disk.view);
    reads.push_back({.disk = disk.open,
                     .metadata_offset = disk.view.metadata_offset,
                     .buffer = std::make_shared<AlignedBuffer>(2 * kBlocksPerRead * kBlockBytes)});
  }
  read_slots(shelf, executor, resting, reads, RecordPlace::kLabel, kBlocksPerRead, io_timeout);
  OpenDisks open;
  for (std::size_t i = 0; i < reads.size(); ++i) {
    SlotRead& read = reads[i];
    DiskView& view = *views[i];
    if (read.status) {
      parse_records(*read.buffer, view);
      if (view.label) open.keep(read.disk);
      continue;
    }
    view.problem = read.status.error();
    if (read.status.error().code != Code::kTimeout) open.keep(read.disk);
  }
  return open;
}

// A writer is at work on it, or may begin, and by the holder none can: who holds the disk was read
// before its header, and may have given it back in between.
bool contradicts_holder(const DiskView& disk) {
  const pb::Attribute attribute = disk.header.attribute();
  if (attribute != pb::ARMED && attribute != pb::IN_PROGRESS) return false;
  const auto holder = disk.reservation ? parse_key(disk.reservation->holder) : std::nullopt;
  return holder && holder->node != disk.header.node();
}

Error no_answer(const std::string& path, std::string_view detail) {
  return {.code = Code::kTimeout, .operation = "survey", .disk = path, .detail = detail};
}

void read_holders_again(Executor& executor, std::vector<Probed>& disks, OpenDisks& open,
                        milliseconds io_timeout) {
  const auto asked = std::make_shared<std::vector<Probed>>();
  std::vector<Probed*> places;
  for (Probed& disk : disks) {
    if (!disk.open || !disk.open->lun || !contradicts_holder(disk.view)) continue;
    places.push_back(&disk);
    asked->push_back({.view = {.info = disk.view.info}, .open = disk.open});
  }
  if (places.empty()) return;
  const auto done = executor.fan_out(places.size(), io_timeout, [asked](std::size_t i) {
    Probed& disk = (*asked)[i];
    read_reservation(*disk.open->lun, disk.view);
  });
  for (std::size_t i = 0; i < places.size(); ++i) {
    DiskView& view = places[i]->view;
    DiskView again;
    again.scsi_problem = no_answer(view.info.path, "the disk does not answer");
    if (done[i]) {
      again = std::move((*asked)[i].view);
    } else {
      open.drop(view.info.path);  // its thread may be at work for long
    }
    view.reservations_known = again.reservations_known;
    view.keys = std::move(again.keys);
    view.reservation = again.reservation;
    view.scsi_problem = again.scsi_problem;
  }
}

}  // namespace

Result<Look> Surveyor::look() {
  const auto listed = shelf_.list();
  if (!listed) return fail(listed.error());
  std::vector<Probed> disks;
  const auto asked = std::make_shared<std::vector<Probed>>();
  std::vector<std::size_t> places;  // of those that are asked
  disks.reserve(listed->size());
  asked->reserve(listed->size());
  for (const DiskInfo& info : *listed) {
    Probed& disk = disks.emplace_back();
    disk.view.info = info;
    if (resting_->rests(info.path, executor_.now())) {
      disk.view.problem = no_answer(info.path, "the disk hangs since an earlier look");
    } else {
      places.push_back(disks.size() - 1);
      asked->emplace_back().view.info = info;
    }
  }
  const auto probe_one = [asked, resting = resting_, shelf = &shelf_, now = executor_.now(),
                          io_timeout = io_timeout_](std::size_t i) {
    const std::string path = (*asked)[i].view.info.path;
    resting->asked(path, now);
    probe(*shelf, (*asked)[i], io_timeout);
    resting->answered(path, now);
  };
  const auto done = executor_.fan_out(asked->size(), io_timeout_, probe_one);
  for (std::size_t i = 0; i < done.size(); ++i) {
    Probed& disk = disks[places[i]];
    if (done[i]) {
      disk = std::move((*asked)[i]);
    } else {
      disk.view.problem = no_answer(disk.view.info.path, "the disk does not answer");
    }
  }
  Look look;
  look.open = read_records(shelf_, executor_, resting_, disks, io_timeout_);
  read_holders_again(executor_, disks, look.open, io_timeout_);
  for (Probed& disk : disks) look.survey.disks.push_back(std::move(disk.view));
  labels_->follow(look.survey);
  return look;
}

Result<Survey> survey_disks(const Config& config) {
  auto look = Surveyor(config, real_shelf(), real_executor()).look();
  if (!look) return fail(look.error());
  return std::move(look->survey);
}

}  // namespace lastword
