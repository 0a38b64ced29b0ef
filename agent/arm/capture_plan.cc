#include "agent/arm/capture_plan.h"

#include "agent/arm/capture_image.h"
#include "agent/arm/crash_kernel.h"

namespace lastword {

void set_settings(pb::Plan& plan, const Config& config) {
  const TimingSettings& timing = config.timing.settings;
  plan.set_dump_limit_ms(static_cast<std::uint64_t>(timing.dump_limit.count()));
  plan.set_grace_ms(static_cast<std::uint64_t>(timing.grace.count()));
  plan.set_io_timeout_ms(static_cast<std::uint64_t>(timing.io_timeout.count()));
  plan.set_after(config.after);
  plan.set_engine(config.engine);
  plan.set_exclude(config.exclude);
  plan.set_codec(config.codec);
  plan.set_keep_latest(config.keep_latest);
}

pb::Plan make_plan(const Config& config, const NodeState& state, const Survey& survey,
                   const std::vector<std::size_t>& disks, const std::vector<KernelModule>& modules,
                   const std::string& nonce) {
  pb::Plan plan;
  plan.set_cluster_uuid(config.cluster_uuid);
  plan.set_node_name(config.self.name);
  plan.set_node(config.self.id);
  plan.set_boot_generation(state.boot_generation);
  plan.set_reservation_key(state.key.value);
  plan.set_nonce(nonce);
  for (std::size_t rank = 1; rank <= disks.size(); ++rank) {
    const DiskView& disk = survey.disks[disks[rank - 1]];
    pb::Candidate& candidate = *plan.add_candidates();
    candidate.set_disk_uuid(disk.label->disk_uuid());
    candidate.set_rank(static_cast<std::uint32_t>(rank));
    candidate.set_metadata_offset_bytes(disk.metadata_offset);
    candidate.set_data_offset_bytes(disk.label->data_offset_bytes());
    candidate.set_data_length_bytes(disk.label->data_length_bytes());
    candidate.set_description(disk.info.description);
  }
  set_settings(plan, config);
  set_modules(plan, modules);
  plan.set_kernel_release(running_release());
  return plan;
}

}  // namespace lastword
