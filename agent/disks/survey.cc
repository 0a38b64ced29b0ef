#include "agent/disks/survey.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "agent/base/fan_out.h"
#include "agent/disks/held_disk.h"
#include "storage/block/aligned_buffer.h"
#include "storage/block/batch_read.h"
#include "storage/reserve/unit_attention.h"
#include "storage/tables/discover.h"

namespace lastword {
namespace {

// A node that watches all night must not leave a thread, or a descriptor with a read under way,
// behind with every survey of a disk that hangs. Such a disk is left alone while its thread is
// stuck, and for a time that doubles with each read that does not come back.
class HangingDisks {
 public:
  [[nodiscard]] bool leave_alone(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (stuck_.contains(path)) return true;
    const auto found = rests_.find(path);
    return found != rests_.end() && Clock::now() < found->second.until;
  }
  void probe_begins(const std::string& path) {
    const std::lock_guard lock(mutex_);
    stuck_.insert(path);
  }
  void probe_ends(const std::string& path) {
    const std::lock_guard lock(mutex_);
    stuck_.erase(path);
  }
  // The kernel still has `slots` and the descriptor: they live as long as the program.
  void read_hangs(const std::string& path, std::shared_ptr<OpenDisk> open, AlignedBuffer slots) {
    const std::lock_guard lock(mutex_);
    kept_.emplace_back(std::move(open), std::move(slots));
    Rest& rest = rests_[path];
    rest.length = std::min(2 * rest.length, kLongestRest);
    rest.until = Clock::now() + rest.length;
  }
  void reads(const std::string& path) {
    const std::lock_guard lock(mutex_);
    rests_.erase(path);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr milliseconds kLongestRest{600'000};
  struct Rest {
    milliseconds length{500};
    Clock::time_point until{};
  };

  std::mutex mutex_;
  std::set<std::string> stuck_;
  std::map<std::string, Rest> rests_;
  std::vector<std::pair<std::shared_ptr<OpenDisk>, AlignedBuffer>> kept_;
};

HangingDisks& hanging_disks() {
  // Never destroyed: threads that hang outlive main().
  static auto* const disks = new HangingDisks;
  return *disks;
}

void read_reservation(ScsiLun& lun, SurveyedDisk& disk) {
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
  // Many targets do not know the command; they keep nothing, then.
  const auto capabilities = lun.report_capabilities();
  disk.aptpl = capabilities && capabilities->aptpl;
}

// GPT, registrations and reservation: several dependent commands, one thread for each disk.
void probe(SurveyedDisk& disk, milliseconds io_timeout) {
  auto opened = open_disk(disk.info, Access::kReadOnly, io_timeout);
  if (!opened) {
    disk.problem = opened.error();
    return;
  }
  const auto partition = find_metadata_partition(*opened->device);
  if (!partition) {
    if (partition.error().code != Code::kNotFound) disk.problem = partition.error();
    return;
  }
  disk.metadata_offset = partition->offset_bytes;
  if (opened->lun) read_reservation(*opened->lun, disk);
  disk.open = std::make_shared<OpenDisk>(std::move(*opened));
}

// Slots of label and coredump header lie side by side, so two reads fetch all four.
constexpr std::size_t kBlocksPerRead = 2;
static_assert(slot_offset(RecordPlace::kCoredump, 0) ==
              slot_offset(RecordPlace::kLabel, 0) + kBlockBytes);

// The four blocks were read: what do they say?
void parse_records(AlignedBuffer& slots, SurveyedDisk& disk) {
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

// Labels and headers of all disks that are open, in one batch.
void read_records(std::vector<SurveyedDisk>& disks, milliseconds io_timeout) {
  struct Reading {
    SurveyedDisk* disk;
    AlignedBuffer slots{2 * kBlocksPerRead * kBlockBytes};
  };
  std::vector<Reading> readings;
  for (SurveyedDisk& disk : disks) {
    if (disk.open) readings.push_back({.disk = &disk});
  }
  std::vector<ReadRequest> requests;
  for (Reading& reading : readings) {
    for (unsigned slot = 0; slot < 2; ++slot) {
      requests.push_back(
          {.fd = reading.disk->open->fd,
           .disk = reading.disk->info.path,
           .offset = reading.disk->metadata_offset + slot_offset(RecordPlace::kLabel, slot),
           .buffer = reading.slots.span().subspan(slot * kBlocksPerRead * kBlockBytes,
                                                  kBlocksPerRead * kBlockBytes)});
    }
  }
  const Status submitted = read_batch(requests, io_timeout);
  for (std::size_t i = 0; i < readings.size(); ++i) {
    auto& [disk, slots] = readings[i];
    Status status = submitted;
    for (const ReadRequest* request : {&requests[2 * i], &requests[2 * i + 1]}) {
      // A time-out outweighs what the other slot says: its buffer is not ours any more.
      if (submitted && !request->status &&
          (status || request->status.error().code == Code::kTimeout)) {
        status = request->status;
      }
    }
    if (status) {
      hanging_disks().reads(disk->info.path);
      parse_records(slots, *disk);
      if (!disk->label) disk->open.reset();
      continue;
    }
    disk->problem = status.error();
    if (submitted && status.error().code == Code::kTimeout) {
      hanging_disks().read_hangs(disk->info.path, std::exchange(disk->open, nullptr),
                                 std::move(slots));
    }
  }
}

Error no_answer(const std::string& path, std::string_view detail) {
  return {.code = Code::kTimeout, .operation = "survey", .disk = path, .detail = detail};
}

}  // namespace

Result<Survey> survey_disks(const Config& config) {
  const auto listed = list_scsi_disks();
  if (!listed) return fail(listed.error());
  Survey survey;
  std::vector<std::size_t> answering;
  for (const DiskInfo& info : *listed) {
    SurveyedDisk disk{.info = info};
    if (hanging_disks().leave_alone(info.path)) {
      disk.problem = no_answer(info.path, "the disk hangs since an earlier look");
    } else {
      answering.push_back(survey.disks.size());
    }
    survey.disks.push_back(std::move(disk));
  }
  const auto probed = std::make_shared<std::vector<SurveyedDisk>>();
  for (const std::size_t index : answering) probed->push_back(survey.disks[index]);
  const milliseconds io_timeout = config.timing.settings.io_timeout;
  const auto done = fan_out(answering.size(), io_timeout, [probed, io_timeout](std::size_t i) {
    const std::string path = (*probed)[i].info.path;
    hanging_disks().probe_begins(path);
    probe((*probed)[i], io_timeout);
    hanging_disks().probe_ends(path);
  });
  for (std::size_t i = 0; i < done.size(); ++i) {
    SurveyedDisk& disk = survey.disks[answering[i]];
    if (done[i]) {
      disk = std::move((*probed)[i]);
    } else {
      disk.problem = no_answer(disk.info.path, "the disk does not answer");
    }
  }
  read_records(survey.disks, io_timeout);
  return survey;
}

bool in_cluster(const SurveyedDisk& disk, const Config& config) {
  return disk.label && disk.label->cluster_uuid() == config.cluster_uuid;
}

namespace {

// 0: not a key of this cluster's.
std::uint8_t node_of(ReservationKey key, const Config& config) {
  const auto parts = parse_key(key);
  return parts && parts->cluster == cluster_key_bits(config.cluster_uuid) ? parts->node : 0;
}

}  // namespace

std::uint8_t holder_node(const SurveyedDisk& disk, const Config& config) {
  return disk.reservation ? node_of(disk.reservation->holder, config) : 0;
}

bool is_registered(const SurveyedDisk& disk, ReservationKey key) {
  return std::find(disk.keys.begin(), disk.keys.end(), key) != disk.keys.end();
}

bool is_registered(const SurveyedDisk& disk, const Config& config, std::uint8_t node) {
  return std::any_of(disk.keys.begin(), disk.keys.end(),
                     [&](ReservationKey key) { return node_of(key, config) == node; });
}

std::uint32_t latest_generation(const Survey& survey, const Config& config, std::uint8_t node) {
  std::uint32_t latest = 0;
  for (const SurveyedDisk& disk : survey.disks) {
    if (!in_cluster(disk, config)) continue;
    const pb::Label& label = *disk.label;
    if (label.home_node() == node) latest = std::max(latest, label.home_generation());
    if (label.owner_node() == node) latest = std::max(latest, label.owner_generation());
    if (disk.header.node() == node) latest = std::max(latest, disk.header.boot_generation());
    for (const ReservationKey key : disk.keys) {
      if (node_of(key, config) == node) latest = std::max(latest, parse_key(key)->boot_generation);
    }
  }
  return latest;
}

std::vector<std::size_t> disks_with_uuid(const Survey& survey, const Config& config,
                                         std::string_view uuid) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const SurveyedDisk& disk = survey.disks[i];
    if (in_cluster(disk, config) && disk.label->disk_uuid() == uuid) found.push_back(i);
  }
  return found;
}

}  // namespace lastword
