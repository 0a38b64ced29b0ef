#include "agent/arm/examine.h"

#include <memory>

#include "agent/base/executor.h"
#include "agent/disks/held_disk.h"
#include "storage/tables/signatures.h"

namespace lastword {
namespace {

struct Task {
  std::size_t disk = 0;
  std::string path;
  std::uint64_t data_offset = 0;
  std::uint64_t data_length = 0;
};

Examination examine_disk(const Task& task, milliseconds io_timeout, const SignatureProbe& probe) {
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
  auto signature = probe(task.path, task.data_offset, task.data_length);
  if (signature) {
    examination.signature = std::move(*signature);
  } else {
    examination.probe_failed = signature.error();
  }
  return examination;
}

}  // namespace

Result<std::string> probe_signature(const std::string& path, std::uint64_t offset_bytes,
                                    std::uint64_t length_bytes) {
  const auto file = open_for_tables(path, Access::kReadOnly);
  if (!file) return fail(file.error());
  const auto found = find_signatures(file->get(), path,
                                     {.offset_bytes = offset_bytes, .length_bytes = length_bytes});
  if (!found) return fail(found.error());
  return found->empty() ? std::string() : describe(found->front());
}

std::vector<Examination> examine_disks(const Survey& survey, const SelectionPolicy& policy,
                                       const SignatureProbe& probe) {
  // Owned by the threads, one of which may be stuck for good.
  struct Shared {
    std::vector<Task> tasks;
    std::vector<Examination> results;
    SignatureProbe probe;
  };
  const auto shared = std::make_shared<Shared>();
  shared->probe = probe;
  for (std::size_t i = 0; i < survey.disks.size(); ++i) {
    const DiskView& disk = survey.disks[i];
    if (reject_by_survey(disk, policy)) continue;
    shared->tasks.push_back({.disk = i,
                             .path = disk.info.path,
                             .data_offset = disk.label->data_offset_bytes(),
                             .data_length = disk.label->data_length_bytes()});
  }
  shared->results.resize(shared->tasks.size());
  const milliseconds io_timeout = policy.config->timing.settings.io_timeout;
  const auto done = real_executor().fan_out(
      shared->tasks.size(), 2 * io_timeout, [shared, io_timeout](std::size_t i) {
        shared->results[i] = examine_disk(shared->tasks[i], io_timeout, shared->probe);
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
