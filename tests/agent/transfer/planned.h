// Sharing planned for block maps in memory, all runs at once.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/transfer/share_plan.h"
#include "tests/agent/transfer/fake_pool.h"

namespace lastword::fake {

// Volumes named "0", "1", ...
class MemoryMap final : public BlockMap {
 public:
  VolumeMap add(const MappedVolume& volume) {
    maps_.push_back(volume.mappings);
    return {.blocks = this, .volume = std::to_string(maps_.size() - 1), .size = volume.size};
  }
  Result<std::vector<Mapping>> some(const std::string& volume, std::uint64_t from) override {
    return some_of(maps_.at(std::stoul(volume)), from);
  }
  std::vector<Mapping>& mappings(std::size_t volume) { return maps_.at(volume); }

 private:
  std::vector<std::vector<Mapping>> maps_;
};

struct SharePlan {
  // For each volume runs from byte 0 to its size; neighbours that could be one run are one.
  std::vector<std::vector<CloneRun>> runs;
  std::uint64_t data_bytes = 0;
  std::uint64_t shared_bytes = 0;
};

inline Result<SharePlan> told_by(SharePlanner& planner, std::span<const MappedVolume> volumes) {
  SharePlan plan{.data_bytes = planner.data_bytes(), .shared_bytes = planner.shared_from_start()};
  for (std::uint32_t i = 0; i < volumes.size(); ++i) {
    plan.runs.emplace_back();
    planner.begin(i);
    for (std::uint64_t k = 0; k < range_count(volumes[i].size); ++k) {
      const auto runs = planner.next_range();
      if (!runs) return fail(runs.error());
      for (const CloneRun& run : *runs) append_run(plan.runs.back(), run);
    }
  }
  if (Status status = planner.check_unmoved(); !status) return fail(status.error());
  return plan;
}

inline Result<SharePlan> plan_sharing(std::span<const MappedVolume> base,
                                      std::span<const MappedVolume> volumes,
                                      std::uint64_t block_bytes) {
  MemoryMap maps;
  SharePlanner planner(block_bytes);
  for (const auto& one : base) {
    if (Status status = planner.add_base(maps.add(one)); !status) return fail(status.error());
  }
  for (const auto& one : volumes) {
    if (Status status = planner.add_volume(maps.add(one)); !status) return fail(status.error());
  }
  return told_by(planner, volumes);
}

inline Result<SharePlan> plan_by_hashes(std::span<const std::uint64_t> base_sizes,
                                        std::span<const RangeTable> base_tables,
                                        std::span<const MappedVolume> volumes,
                                        std::span<const RangeTable> tables,
                                        std::uint64_t block_bytes) {
  MemoryMap maps;
  SharePlanner planner(block_bytes);
  for (std::size_t i = 0; i < base_tables.size(); ++i) {
    planner.add_base_hashes(base_sizes[i], base_tables[i]);
  }
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    const Status status = planner.add_volume(maps.add(volumes[i]), tables[i]);
    if (!status) return fail(status.error());
  }
  return told_by(planner, volumes);
}

}  // namespace lastword::fake
