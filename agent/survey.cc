#include "agent/survey.h"

#include <memory>
#include <mutex>

#include "agent/fan_out.h"
#include "storage/aligned_buffer.h"
#include "storage/batch_read.h"

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
  // Many targets do not know the command; they keep nothing, then.
  const auto capabilities = lun.report_capabilities();
  disk.aptpl = capabilities && capabilities->aptpl;
}

// One disk while it is being surveyed. Slots of label and coredump header lie side by side, so two
// reads fetch all four.
struct Probe {
  SurveyedDisk result;
  std::optional<OpenDisk> open;
  AlignedBuffer slots{4 * kBlockBytes};
};
constexpr std::size_t kBlocksPerRead = 2;
static_assert(slot_offset(RecordPlace::kCoredump, 0) ==
              slot_offset(RecordPlace::kLabel, 0) + kBlockBytes);

// GPT, registrations and reservation: several dependent commands, one thread for each disk.
void probe(Probe& disk, milliseconds io_timeout) {
  auto opened = open_disk(disk.result.info.path, Access::kReadOnly, io_timeout);
  if (!opened) {
    disk.result.problem = opened.error();
    return;
  }
  const auto partition = find_metadata_partition(disk.result.info.path);
  if (!partition) {
    if (partition.error().code != Code::kNotFound) disk.result.problem = partition.error();
    return;
  }
  disk.result.metadata_offset = partition->offset_bytes;
  if (opened->lun) read_reservation(*opened->lun, disk.result);
  disk.open = std::move(*opened);
}

// The four blocks were read: what do they say?
void parse_records(Probe& disk) {
  const auto slot = [&](RecordPlace place, unsigned index) -> BlockView {
    return disk.slots.block(index * kBlocksPerRead + static_cast<std::size_t>(place));
  };
  const auto located = [&](Error error, RecordPlace place) {
    error.disk = disk.result.info.path;
    error.offset = disk.result.metadata_offset + slot_offset(place, 0);
    return error;
  };
  pb::Label label;
  const auto label_choice = read_pair(slot(RecordPlace::kLabel, 0), slot(RecordPlace::kLabel, 1),
                                      RecordKind::kLabel, label);
  if (!label_choice) {
    if (label_choice.error().code != Code::kNotFound) {
      disk.result.problem = located(label_choice.error(), RecordPlace::kLabel);
    }
    return;
  }
  disk.result.label = std::move(label);
  const auto choice = read_pair(slot(RecordPlace::kCoredump, 0), slot(RecordPlace::kCoredump, 1),
                                RecordKind::kCoredumpHeader, disk.result.header);
  if (choice) {
    disk.result.header_sequence = choice->next_sequence - 1;
    return;
  }
  disk.result.header.Clear();
  if (choice.error().code != Code::kNotFound) {
    disk.result.problem = located(choice.error(), RecordPlace::kCoredump);
  }
}

// Labels and headers of all disks in one batch. False: some read never came back, and its buffer
// must stay allocated.
bool read_records(std::span<Probe*> probes, milliseconds io_timeout) {
  std::vector<ReadRequest> requests;
  for (Probe* disk : probes) {
    for (unsigned slot = 0; slot < 2; ++slot) {
      requests.push_back(
          {.fd = disk->open->fd,
           .disk = disk->result.info.path,
           .offset = disk->result.metadata_offset + slot_offset(RecordPlace::kLabel, slot),
           .buffer = disk->slots.span().subspan(slot * kBlocksPerRead * kBlockBytes,
                                                kBlocksPerRead * kBlockBytes)});
    }
  }
  const Status submitted = read_batch(requests, io_timeout);
  bool all_came_back = true;
  for (std::size_t i = 0; i < probes.size(); ++i) {
    Status status = submitted;
    for (const ReadRequest* request : {&requests[2 * i], &requests[2 * i + 1]}) {
      if (submitted && !request->status && request->status.error().code == Code::kTimeout) {
        all_came_back = false;
      }
      if (status && !request->status) status = request->status;
    }
    if (status) {
      parse_records(*probes[i]);
    } else {
      probes[i]->result.problem = status.error();
    }
  }
  return all_came_back;
}

}  // namespace

Result<Survey> survey_disks(const Config& config) {
  const auto listed = list_scsi_disks();
  if (!listed) return fail(listed.error());
  const auto probes = std::make_shared<std::vector<Probe>>(listed->size());
  for (std::size_t i = 0; i < listed->size(); ++i) (*probes)[i].result.info = (*listed)[i];
  const milliseconds io_timeout = config.timing.settings.io_timeout;
  const auto done = fan_out(listed->size(), io_timeout, [probes, io_timeout](std::size_t i) {
    probe((*probes)[i], io_timeout);
  });

  std::vector<Probe*> readable;
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (done[i] && (*probes)[i].open) readable.push_back(&(*probes)[i]);
  }
  if (!read_records(readable, io_timeout)) {
    // The kernel still has the buffers of a hung read: let them live as long as the program.
    static std::vector<std::shared_ptr<std::vector<Probe>>> hung;
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    hung.push_back(probes);
  }

  Survey survey;
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (done[i]) {
      survey.disks.push_back((*probes)[i].result);
      continue;
    }
    SurveyedDisk silent{.info = (*listed)[i]};
    silent.problem = Error{.code = Code::kTimeout,
                           .operation = "survey",
                           .disk = silent.info.path,
                           .detail = "the disk does not answer"};
    survey.disks.push_back(std::move(silent));
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
