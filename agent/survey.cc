#include "agent/survey.h"

#include <memory>

#include "agent/fan_out.h"
#include "storage/aligned_buffer.h"
#include "storage/record_io.h"

namespace lastword {
namespace {

// The commands that look at one disk may each meet a few unit attentions; TEST UNIT READY clears
// them (SAM-5 5.14), so that the reads after it see none.
constexpr unsigned kMaxUnitAttentions = 16;

Status clear_unit_attentions(ScsiLun& lun) {
  Status status;
  for (unsigned i = 0; i < kMaxUnitAttentions; ++i) {
    status = lun.test_unit_ready();
    if (status || status.error().code != Code::kUnitAttention) break;
  }
  return status;
}

void read_reservation(ScsiLun& lun, SurveyedDisk& disk) {
  if (const Status ready = clear_unit_attentions(lun); !ready) {
    disk.scsi_problem = ready.error();
    return;
  }
  if (auto registrations = lun.read_keys()) {
    disk.keys = std::move(registrations->keys);
  } else {
    disk.scsi_problem = registrations.error();
    return;
  }
  if (auto reservation = lun.read_reservation()) {
    disk.reservation = *reservation;
  } else {
    disk.scsi_problem = reservation.error();
  }
}

void read_records(BlockDevice& device, SurveyedDisk& disk) {
  RecordIo records(device, disk.metadata_offset);
  pb::Label label;
  if (const auto found = records.read(RecordPlace::kLabel, label)) {
    disk.label = std::move(label);
  } else {
    if (found.error().code != Code::kNotFound) disk.problem = found.error();
    return;
  }
  const auto found = records.read(RecordPlace::kCoredump, disk.header);
  if (found) {
    disk.header_sequence = found->next_sequence - 1;
  } else {
    disk.header.Clear();
    if (found.error().code != Code::kNotFound) disk.problem = found.error();
  }
}

SurveyedDisk survey_disk(const DiskInfo& info, milliseconds io_timeout) {
  SurveyedDisk disk{.info = info};
  const auto opened = open_disk(info.path, Access::kReadOnly, io_timeout);
  if (!opened) {
    disk.problem = opened.error();
    return disk;
  }
  const auto partition = find_metadata_partition(info.path);
  if (partition) {
    disk.metadata_offset = partition->offset_bytes;
    read_records(*opened->device, disk);
  } else if (partition.error().code != Code::kNotFound) {
    disk.problem = partition.error();
  }
  if (disk.label && opened->lun) read_reservation(*opened->lun, disk);
  return disk;
}

}  // namespace

Result<Survey> survey_disks(const Config& config) {
  const auto listed = list_scsi_disks();
  if (!listed) return fail(listed.error());
  struct Shared {
    std::vector<DiskInfo> infos;
    std::vector<SurveyedDisk> disks;
  };
  const auto shared = std::make_shared<Shared>(Shared{*listed, {}});
  shared->disks.resize(listed->size());
  const milliseconds io_timeout = config.timing.settings.io_timeout;
  const auto done = fan_out(listed->size(), 2 * io_timeout, [shared, io_timeout](std::size_t i) {
    shared->disks[i] = survey_disk(shared->infos[i], io_timeout);
  });
  Survey survey;
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (done[i]) {
      survey.disks.push_back(std::move(shared->disks[i]));
      continue;
    }
    SurveyedDisk hung{.info = (*listed)[i]};
    hung.problem = Error{.code = Code::kTimeout,
                         .operation = "survey",
                         .disk = hung.info.path,
                         .detail = "the disk does not answer"};
    survey.disks.push_back(std::move(hung));
  }
  return survey;
}

bool in_cluster(const SurveyedDisk& disk, const Config& config) {
  return disk.label && disk.label->cluster_uuid() == config.cluster_uuid;
}

std::uint8_t holder_node(const SurveyedDisk& disk, const Config& config) {
  if (!disk.reservation) return 0;
  const auto parts = parse_key(disk.reservation->holder);
  if (!parts || parts->cluster != cluster_key_bits(config.cluster_uuid)) return 0;
  return parts->node;
}

}  // namespace lastword
