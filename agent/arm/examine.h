// Finds out what selection needs beyond the survey: does the disk answer, and is there a file
// system in its data region? Read-only, all disks at once.
#pragma once

#include <functional>

#include "agent/arm/candidate_plan.h"

namespace lastword {

// What is in a stretch of a disk that libblkid knows ("ext4"); empty: nothing.
using SignatureProbe = std::function<Result<std::string>(
    const std::string& path, std::uint64_t offset_bytes, std::uint64_t length_bytes)>;

// By libblkid.
[[nodiscard]] Result<std::string> probe_signature(const std::string& path,
                                                  std::uint64_t offset_bytes,
                                                  std::uint64_t length_bytes);

// One element for each disk of the survey. Only what reject_by_survey() lets through is touched. A
// disk that does not answer within about two I/O time-outs is not ready.
[[nodiscard]] std::vector<Examination> examine_disks(const Survey& survey,
                                                     const SelectionPolicy& policy,
                                                     const SignatureProbe& probe);

}  // namespace lastword
