// Labelling disks: reads what label_plan.h decides by, and writes the labels.
#pragma once

#include "agent/base/executor.h"
#include "agent/records/label_plan.h"
#include "storage/block/file_descriptor.h"

namespace lastword {

// Read-only. Errors: the disk cannot be opened or read. What is wrong with its content is among the
// findings.
[[nodiscard]] Result<DiskFindings> examine_disk(const std::string& path,
                                                const LabelRequest& request,
                                                milliseconds io_timeout);

// Carries out what judge() allowed. On an error, or when killed, the disk is as it was, or says
// "not labelled" and can be labelled again:
//   1. an old label is invalidated, its older slot first, so that an older label never comes back
//   2. signatures are wiped (not those in partitions of an adopted disk)
//   3. the place of the metadata is zeroed
//   4. the partition table is written
//   5. INACTIVE coredump header, then the label
[[nodiscard]] Status write_label(const DiskFindings& findings, const LabelRequest& request,
                                 const pb::Label& label, milliseconds io_timeout);

struct DiskToLabel {
  std::string name;  // as typed
  // It cannot be labelled, and neither findings nor verdict count: it could not be examined;
  // kUsage: it was named twice; kRefused: another program is at work on it.
  std::optional<Error> problem;
  DiskFindings findings;
  LabelVerdict verdict;
  FileDescriptor lock;  // nobody else labels the disk while this is open

  // Nothing may be written to it.
  [[nodiscard]] bool refused(const LabelRequest& request) const {
    return problem || verdict.refused(request);
  }
};
// Locks, examines and judges all disks, whatever is wrong with one of them, before any is written
// to.
[[nodiscard]] std::vector<DiskToLabel> prepare_disks(const std::vector<std::string>& names,
                                                     const LabelRequest& request,
                                                     milliseconds io_timeout, Executor& executor);

// Labels a disk whose verdict is not refused(); returns the new label. Errors are those of
// write_label().
[[nodiscard]] Result<pb::Label> label_disk(const DiskToLabel& disk, const LabelRequest& request,
                                           milliseconds io_timeout, Executor& executor);

}  // namespace lastword
