#include "agent/disks/source_hold.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>

#include "agent/disks/held_disk.h"
#include "storage/tables/disk_parts.h"

namespace lastword {

Result<std::vector<std::string>> disks_of_directory(const std::string& directory) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) == 0) {
    return disks_below(fmt::format("{}:{}", major(info.st_dev), minor(info.st_dev)));
  }
  return fail({.code = errno == ENOENT ? Code::kNotFound : Code::kIo,
               .sys_errno = errno,
               .operation = "stat",
               .disk = directory});
}

Result<std::vector<std::string>> disks_of_device(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISBLK(info.st_mode)) {
    return disks_below(fmt::format("{}:{}", major(info.st_rdev), minor(info.st_rdev)));
  }
  return fail({.code = Code::kNotFound, .operation = "find device", .disk = path});
}

Result<SourceHold> SourceHold::take(Surveyor& surveyor, const Config& config,
                                    const std::vector<std::string>& disks) {
  const auto look = surveyor.look();
  if (!look) return fail(look.error());
  SourceHold hold;
  for (const DiskView& disk : look->survey.disks) {
    if (std::ranges::find(disks, disk.info.path) == disks.end()) continue;
    if (disk.problem) return fail(*disk.problem);
    if (!in_cluster(disk, config)) continue;
    if (disk.scsi_problem) return fail(*disk.scsi_problem);
    const bool ours = holder_node(disk, config) == config.self.id;
    const auto open = look->open.find(disk.info.path);
    if (ours && open && open->lun) {
      hold.held_.emplace_back(open, disk.reservation->holder);
      continue;
    }
    return fail({.code = disk.reservation ? Code::kFenced : Code::kRefused,
                 .operation = "check reservation",
                 .disk = disk.info.path,
                 .detail = disk.reservation
                               ? "another node holds it; transfers of its clones are run there"
                               : "nobody holds it; run `lastword start` to take it into service"});
  }
  return hold;
}

Status SourceHold::check() const {
  for (const auto& [disk, key] : held_) {
    if (Status status = require_hold(*disk->lun, key); !status) return status;
  }
  return {};
}

}  // namespace lastword
