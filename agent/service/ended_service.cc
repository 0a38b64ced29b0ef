#include "agent/service/ended_service.h"

#include <fmt/format.h>

#include "agent/disks/disk_work.h"

namespace lastword {
std::string what_uses(Shelf& shelf, Executor& executor, const std::vector<std::string>& paths) {
  const Instant end = executor.now() + kUdevSettle;  // udev may just be looking at a disk
  for (;;) {
    std::string used;
    for (const auto& [disk, openers] : shelf.find_openers(paths)) {
      for (const std::string& opener : openers) {
        used += fmt::format("{}{}: {}", used.empty() ? "still in use here: " : ", ", disk, opener);
      }
    }
    if (used.empty() || executor.now() >= end) return used;
    executor.sleep(5 * kPollInterval);
  }
}

Status write_back(const Survey& survey, const std::vector<std::size_t>& disks, const Config& config,
                  Shelf& shelf, Executor& executor) {
  std::vector<DiskInfo> infos;
  for (const std::size_t disk : disks) infos.push_back(survey.disks[disk].info);
  const auto results = work_on_disks(
      survey, disks, config.timing.settings.io_timeout,
      [infos, shelf = &shelf](const OwnDisk& disk,
                              std::size_t position) -> Result<pb::CoredumpHeader> {
        if (shelf->write_back_early(infos[position]) == CacheChanges::kRefused) {
          return fail({.code = Code::kIo,
                       .operation = "write back what is cached",
                       .disk = infos[position].path});
        }
        if (Status flushed = disk.device.flush(); !flushed) return fail(flushed.error());
        return pb::CoredumpHeader();
      },
      shelf, executor);
  for (const auto& result : results) {
    if (!result) return fail(result.error());
  }
  return {};
}

}  // namespace lastword
