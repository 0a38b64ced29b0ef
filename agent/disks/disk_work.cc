#include "agent/disks/disk_work.h"

#include <memory>

namespace lastword {
namespace {

// Of a disk's whole work, in I/O time-outs. Any one command ends after one; a disk that needs
// nearly that long for several of them is as good as hung.
constexpr int kTimeoutsForAll = 4;

struct Place {
  DiskInfo info;
  std::uint64_t metadata_offset = 0;
  std::string disk_uuid;
  std::vector<ReservationKey> keys;
};

Result<pb::CoredumpHeader> open_and_work(Shelf& shelf, std::int64_t unix_ms, const Place& place,
                                         milliseconds io_timeout, const DiskWork& work,
                                         std::size_t position) {
  const auto opened = shelf.open(place.info, Access::kReadWrite, io_timeout);
  if (!opened) return fail(opened.error());
  if (!opened->lun) {
    return fail({.code = Code::kUnsupported,
                 .operation = "open disk",
                 .disk = place.info.path,
                 .detail = "not a SCSI disk: it has no reservations"});
  }
  return work({.device = *opened->device,
               .lun = *opened->lun,
               .metadata_offset = place.metadata_offset,
               .disk_uuid = place.disk_uuid,
               .keys = place.keys,
               .unix_ms = unix_ms},
              position);
}

}  // namespace

std::vector<Result<pb::CoredumpHeader>> work_on_disks(const Survey& survey,
                                                      const std::vector<std::size_t>& disks,
                                                      milliseconds io_timeout, const DiskWork& work,
                                                      Shelf& shelf, Executor& executor,
                                                      milliseconds longer) {
  struct Shared {
    std::vector<Place> places;
    std::vector<Result<pb::CoredumpHeader>> results;
    DiskWork work;
  };
  const auto shared = std::make_shared<Shared>();
  for (const std::size_t index : disks) {
    const DiskView& disk = survey.disks[index];
    shared->places.push_back({.info = disk.info,
                              .metadata_offset = disk.metadata_offset,
                              .disk_uuid = disk.label ? disk.label->disk_uuid() : "",
                              .keys = disk.keys});
  }
  shared->results.resize(disks.size());
  shared->work = work;
  const auto done = executor.fan_out(
      disks.size(), kTimeoutsForAll * io_timeout + longer,
      [shared, io_timeout, shelf = &shelf, unix_ms = executor.unix_ms()](std::size_t i) {
        shared->results[i] =
            open_and_work(*shelf, unix_ms, shared->places[i], io_timeout, shared->work, i);
      });
  std::vector<Result<pb::CoredumpHeader>> results;
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (done[i]) {
      results.push_back(std::move(shared->results[i]));
    } else {
      results.push_back(fail({.code = Code::kTimeout,
                              .operation = "work on disk",
                              .disk = shared->places[i].info.path,
                              .detail = "it does not answer in time"}));
    }
  }
  return results;
}

}  // namespace lastword
