// How start and stop reach the disks of this machine; tests put other disks here.
#pragma once

#include <functional>
#include <vector>

#include "agent/disks/disk_work.h"
#include "agent/disks/survey.h"

namespace lastword {

struct DiskAccess {
  std::function<Result<Survey>()> survey;
  std::function<std::vector<Result<pb::CoredumpHeader>>(
      const Survey& survey, const std::vector<std::size_t>& disks, const DiskWork& work)>
      work;  // work_on_disks()
  Executor& executor;
};
// By the surveyor's shelf and clock, which outlive the result.
[[nodiscard]] DiskAccess disks_through(const Config& config, const Surveyor& surveyor);
// This machine's disks.
[[nodiscard]] DiskAccess disks_of_this_machine(const Config& config);

}  // namespace lastword
