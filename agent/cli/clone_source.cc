// Of lastword clone: whether this node may read the set that it is to send.
#include <filesystem>
#include <memory>

#include "agent/cli/clone_options.h"
#include "agent/disks/source_hold.h"
#include "agent/node/config_file.h"
#include "agent/transfer/clone_place.h"

namespace lastword {

namespace {

Result<std::vector<std::string>> disks_of(const std::string& set) {
  const auto place = ClonePlace::at(set);
  if (!place) return fail(place.error());
  const auto devices = (*place)->devices();
  if (!devices) return fail(devices.error());
  if (devices->empty()) return disks_of_directory(set);
  auto disks = disks_of_device(devices->front());
  for (std::size_t i = 1; !disks && i < devices->size(); ++i) {
    disks = disks_of_device((*devices)[i]);
  }
  return disks;
}

}  // namespace

Result<std::function<Status()>> hold_of_source(const std::string& config_path,
                                               const std::string& set) {
  std::error_code ignored;
  if (!std::filesystem::exists(config_path, ignored)) return std::function<Status()>();
  const auto disks = disks_of(set);
  if (!disks) return fail(disks.error());
  const auto config = load_config(config_path);
  if (!config) return fail(config.error());
  Surveyor surveyor(*config, real_shelf(), real_executor());
  auto hold = SourceHold::take(surveyor, *config, *disks);
  if (!hold) return fail(hold.error());
  if (hold->disk_count() == 0) return std::function<Status()>();
  const auto shared = std::make_shared<SourceHold>(std::move(*hold));
  return std::function<Status()>([shared] { return shared->check(); });
}

}  // namespace lastword
