// Labelling one disk: reading what decides whether it may be, and writing the label.
#pragma once

#include <chrono>

#include "agent/records/label_plan.h"

namespace lastword {

// Read-only. Fails when the disk can not be looked at at all; what is wrong with what it holds is
// among the findings.
[[nodiscard]] Result<DiskFindings> examine_disk(const std::string& path,
                                                const LabelRequest& request,
                                                std::chrono::milliseconds io_timeout);

// Carries out what judge() allowed. On an error, or when killed, the disk is as it was, or says
// "not labelled" and can be labelled again:
//   1. an old label is invalidated, its older slot first, so that an older label never comes back
//   2. signatures are wiped (not those in partitions of an adopted disk)
//   3. the place of the metadata is zeroed
//   4. the partition table is written
//   5. INACTIVE coredump header, then the label
[[nodiscard]] Status write_label(const DiskFindings& findings, const LabelRequest& request,
                                 const pb::Label& label, std::chrono::milliseconds io_timeout);

}  // namespace lastword
