#include "agent/header_watch.h"

#include <optional>

#include "storage/batch_read.h"
#include "storage/discover.h"

namespace lastword {

struct HeaderWatch::Watched {
  Place place;
  std::optional<OpenDisk> disk;
  std::optional<Error> problem;  // for good: could not be opened, or a read never came back
  AlignedBuffer slots{2 * kBlockBytes};
};

HeaderWatch::HeaderWatch(std::vector<Place> places, milliseconds io_timeout)
    : io_timeout_(io_timeout) {
  for (Place& place : places) {
    auto watched = std::make_unique<Watched>();
    watched->place = std::move(place);
    if (auto disk = open_disk(watched->place.path, Access::kReadOnly, io_timeout)) {
      watched->disk = std::move(*disk);
    } else {
      watched->problem = disk.error();
    }
    watched_.push_back(std::move(watched));
  }
}

HeaderWatch::~HeaderWatch() {
  for (auto& watched : watched_) {
    // The kernel may still write into the buffers of a read that never came back.
    if (watched->problem && watched->problem->code == Code::kTimeout) (void)watched.release();
  }
}

std::vector<SeenHeader> HeaderWatch::poll(const std::vector<std::size_t>& disks) {
  std::vector<ReadRequest> requests;
  for (const std::size_t index : disks) {
    const Watched& watched = *watched_[index];
    if (watched.problem) continue;
    for (unsigned slot = 0; slot < 2; ++slot) {
      requests.push_back(
          {.fd = watched.disk->fd,
           .disk = watched.place.path,
           .offset = watched.place.metadata_offset + slot_offset(RecordPlace::kCoredump, slot),
           .buffer = watched.slots.block(slot)});
    }
  }
  const Status submitted = read_batch(requests, io_timeout_);

  std::vector<SeenHeader> seen;
  auto request = requests.begin();
  for (const std::size_t index : disks) {
    Watched& watched = *watched_[index];
    SeenHeader result{.disk = index, .header = pb::CoredumpHeader()};
    if (watched.problem) {
      result.header = fail(*watched.problem);
    } else {
      Status status = submitted;
      for (unsigned slot = 0; slot < 2; ++slot, ++request) {
        if (status && !request->status) status = request->status;
      }
      if (!status) {
        if (status.error().code == Code::kTimeout) watched.problem = status.error();
        result.header = fail(status.error());
      } else if (const auto choice = read_pair(watched.slots.block(0), watched.slots.block(1),
                                               RecordKind::kCoredumpHeader, *result.header)) {
        result.sequence = choice->next_sequence - 1;
      } else if (choice.error().code != Code::kNotFound) {
        Error error = choice.error();
        error.disk = watched.place.path;
        error.offset = watched.place.metadata_offset + slot_offset(RecordPlace::kCoredump, 0);
        result.header = fail(error);
      } else {
        result.header->Clear();
      }
    }
    seen.push_back(std::move(result));
  }
  return seen;
}

}  // namespace lastword
