#include "agent/service/disk_access.h"

namespace lastword {

DiskAccess disks_through(const Config& config, const Surveyor& surveyor) {
  return {
      .survey = [surveyor]() -> Result<Survey> {
        auto look = Surveyor(surveyor).look();
        if (!look) return fail(look.error());
        return std::move(look->survey);
      },
      .work =
          [shelf = &surveyor.shelf(), executor = &surveyor.executor(),
           io_timeout = config.timing.settings.io_timeout](
              const Survey& survey, const std::vector<std::size_t>& disks, const DiskWork& work) {
            return work_on_disks(survey, disks, io_timeout, work, *shelf, *executor);
          },
      .executor = surveyor.executor()};
}

DiskAccess disks_of_this_machine(const Config& config) {
  return disks_through(config, Surveyor(config, real_shelf(), real_executor()));
}

}  // namespace lastword
