// Of lastword clone: whether this node may read the set that it is to send.
#include <filesystem>
#include <memory>

#include "agent/cli/clone_options.h"
#include "agent/disks/source_hold.h"
#include "agent/node/config_file.h"
#include "agent/transfer/lvm_commands.h"

namespace lastword {

namespace {

Result<std::vector<std::string>> disks_of(const std::string& set) {
  const auto thin = thin_place(set);
  if (!thin) return disks_of_directory(set);
  if (!*thin) return fail(thin->error());
  const auto pool = examine_thin_pool(real_lvm(), **thin);
  if (!pool) return fail(pool.error());
  // The device that volumes are on has the second name where any of them is in use.
  const std::string device = device_of(pool->place, pool->place.pool);
  const auto disks = disks_of_device(device + "-tpool");
  return disks ? disks : disks_of_device(device);
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
