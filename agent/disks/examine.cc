#include "agent/disks/examine.h"

#include <memory>
#include <string>

#include "agent/base/executor.h"
#include "agent/disks/held_disk.h"
#include "storage/reserve/disk.h"
#include "storage/tables/signatures.h"

namespace lastword {
namespace {

struct Task {
  std::size_t disk = 0;  // index into the survey
  std::string path;
  Partition data;
};

// What libblkid finds first; empty: nothing.
Result<std::string> probe_signature(const std::string& path, const Partition& data) {
  const auto file = open_for_tables(path, Access::kReadOnly);
  if (!file) return fail(file.error());
  const auto found = find_signatures(file->get(), path, data);
  if (!found) return fail(found.error());
  return found->empty() ? std::string() : describe(found->front());
}

Examination examine(const Task& task, milliseconds io_timeout) {
  Examination examination;
  const auto opened = open_disk(task.path, Access::kReadOnly, io_timeout);
  if (!opened) {
    examination.not_ready = opened.error();
    return examination;
  }
  if (opened->lun) {
    if (const Status ready = wait_until_ready(*opened->lun); !ready) {
      examination.not_ready = ready.error();
      return examination;
    }
  }
  auto signature = probe_signature(task.path, task.data);
  if (signature) {
    examination.signature = std::move(*signature);
  } else {
    examination.probe_failed = signature.error();
  }
  return examination;
}

}  // namespace

std::vector<Examination> examine_disks(const Survey& survey, const std::vector<std::size_t>& disks,
                                       milliseconds io_timeout) {
  // Owned by the threads, one of which may be stuck for good.
  struct Shared {
    std::vector<Task> tasks;
    std::vector<Examination> results;
  };
  const auto shared = std::make_shared<Shared>();
  for (const std::size_t index : disks) {
    const DiskView& disk = survey.disks[index];
    shared->tasks.push_back({.disk = index,
                             .path = disk.info.path,
                             .data = {.offset_bytes = disk.label->data_offset_bytes(),
                                      .length_bytes = disk.label->data_length_bytes()}});
  }
  shared->results.resize(shared->tasks.size());
  const auto done = real_executor().fan_out(
      shared->tasks.size(), 2 * io_timeout, [shared, io_timeout](std::size_t i) {
        shared->results[i] = examine(shared->tasks[i], io_timeout);
      });
  std::vector<Examination> examined(survey.disks.size());
  for (std::size_t i = 0; i < done.size(); ++i) {
    Examination& examination = examined[shared->tasks[i].disk];
    if (done[i]) {
      examination = std::move(shared->results[i]);
    } else {
      examination.not_ready = Error{.code = Code::kTimeout,
                                    .operation = "examine",
                                    .disk = shared->tasks[i].path,
                                    .detail = "the disk does not answer"};
    }
  }
  return examined;
}

}  // namespace lastword
