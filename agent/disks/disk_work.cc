#include "agent/disks/disk_work.h"

#include <memory>

#include "agent/base/fan_out.h"

namespace lastword {
namespace {

// Of a disk's whole work, in I/O time-outs. Any one command ends after one; a disk that needs
// nearly that long for several of them is as good as hung.
constexpr int kTimeoutsForAll = 4;

struct Place {
  std::string path;
  std::uint64_t metadata_offset = 0;
  std::string disk_uuid;
  std::vector<ReservationKey> keys;
};

Result<pb::CoredumpHeader> open_and_work(const Place& place, milliseconds io_timeout,
                                         const DiskWork& work, std::size_t position) {
  const auto opened = open_disk(place.path, Access::kReadWrite, io_timeout);
  if (!opened) return fail(opened.error());
  if (!opened->lun) {
    return fail({.code = Code::kUnsupported,
                 .operation = "open disk",
                 .disk = place.path,
                 .detail = "not a SCSI disk: it has no reservations"});
  }
  return work({.device = *opened->device,
               .lun = *opened->lun,
               .metadata_offset = place.metadata_offset,
               .disk_uuid = place.disk_uuid,
               .keys = place.keys},
              position);
}

}  // namespace

std::vector<Result<pb::CoredumpHeader>> work_on_disks(const Survey& survey,
                                                      const std::vector<std::size_t>& disks,
                                                      milliseconds io_timeout,
                                                      const DiskWork& work) {
  struct Shared {
    std::vector<Place> places;
    std::vector<Result<pb::CoredumpHeader>> results;
    DiskWork work;
  };
  const auto shared = std::make_shared<Shared>();
  for (const std::size_t index : disks) {
    const SurveyedDisk& disk = survey.disks[index];
    shared->places.push_back({.path = disk.info.path,
                              .metadata_offset = disk.metadata_offset,
                              .disk_uuid = disk.label ? disk.label->disk_uuid() : "",
                              .keys = disk.keys});
  }
  shared->results.resize(disks.size());
  shared->work = work;
  const auto done =
      fan_out(disks.size(), kTimeoutsForAll * io_timeout, [shared, io_timeout](std::size_t i) {
        shared->results[i] = open_and_work(shared->places[i], io_timeout, shared->work, i);
      });
  std::vector<Result<pb::CoredumpHeader>> results;
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (done[i]) {
      results.push_back(std::move(shared->results[i]));
    } else {
      results.push_back(fail({.code = Code::kTimeout,
                              .operation = "work on disk",
                              .disk = shared->places[i].path,
                              .detail = "it does not answer in time"}));
    }
  }
  return results;
}

}  // namespace lastword
