#include "agent/daemon/unreadable_headers.h"

#include <utility>

namespace lastword {

void UnreadableHeaders::tell_of(const DiskView& disk) {
  const bool by_content = disk.problem && (disk.problem->code == Code::kCorrupt ||
                                           disk.problem->code == Code::kFutureVersion);
  if (!by_content) {
    told_.erase(disk.info.path);
    return;
  }
  std::string problem = describe(*disk.problem);
  if (std::exchange(told_[disk.info.path], problem) == problem) return;
  events_({.name = "header-unreadable",
           .disk = disk.info.path,
           .detail = std::move(problem),
           .disk_uuid = disk.label ? disk.label->disk_uuid() : std::string()});
}

}  // namespace lastword
