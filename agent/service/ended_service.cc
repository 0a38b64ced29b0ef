#include "agent/service/ended_service.h"

#include <fmt/format.h>

#include <memory>

#include "agent/disks/disk_work.h"

namespace lastword {
namespace {

// Of one that no table of the kernel tells of.
constexpr const char* kUnknownUser =
    "another program or the kernel holds it (a mount in another mount namespace, a pool, an "
    "exported disk)";

// Adds who has a disk for himself to those that are known.
void add_claims(Shelf& shelf, Executor& executor, const std::vector<std::string>& paths,
                milliseconds io_timeout, Openers& openers) {
  std::vector<std::string> asked;
  for (const std::string& path : paths) {
    if (!openers.contains(path)) asked.push_back(path);
  }
  const auto claims = std::make_shared<std::vector<Result<bool>>>(asked.size());
  const auto done =
      executor.fan_out(asked.size(), io_timeout, [claims, asked, shelf = &shelf](std::size_t i) {
        (*claims)[i] = shelf->is_claimed(asked[i]);
      });
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (!done[i]) {
      openers[asked[i]] = {"perhaps, it does not answer in time"};
    } else if (!(*claims)[i]) {
      openers[asked[i]] = {"perhaps, " + describe((*claims)[i].error())};
    } else if (*(*claims)[i]) {
      openers[asked[i]] = {kUnknownUser};
    }
  }
}

}  // namespace

std::string what_uses(Shelf& shelf, Executor& executor, const std::vector<std::string>& paths,
                      milliseconds io_timeout) {
  // udev, or what it starts, may just be looking at a disk; a file system whose last mount has gone
  // is not closed at once.
  const Instant end = executor.now() + kUdevSettle;
  for (;;) {
    Openers found = shelf.find_openers(paths);
    add_claims(shelf, executor, paths, io_timeout, found);
    std::string used;
    for (const auto& [disk, openers] : found) {
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
        if (Status flushed = disk.device.flush_all(); !flushed) return fail(flushed.error());
        return pb::CoredumpHeader();
      },
      shelf, executor, kLongestFlush);
  for (const auto& result : results) {
    if (!result) return fail(result.error());
  }
  return {};
}

}  // namespace lastword
