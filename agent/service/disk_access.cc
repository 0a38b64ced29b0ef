#include "agent/service/disk_access.h"

#include "agent/disks/survey.h"

namespace lastword {

DiskAccess disks_of_this_machine(const Config& config) {
  return {.survey = [&config] { return survey_disks(config); },
          .work =
              [&config](const Survey& survey, const std::vector<std::size_t>& disks,
                        const DiskWork& work) {
                return work_on_disks(survey, disks, config.timing.settings.io_timeout, work);
              }};
}

}  // namespace lastword
